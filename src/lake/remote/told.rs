//! What a store answers, as an error that names the object and says what to do. Keys, signatures and addresses of
//! requests, which hold signatures, are left out.

use std::error::Error as StdError;

use object_store::Error as StoreError;

use super::address::Scheme;
use crate::error::{Error, Kind};

/// The error of a request.
pub(super) struct Asked<'a> {
    /// The object as people write it.
    pub(super) shown: &'a str,
    pub(super) scheme: Scheme,
    /// Whether it was there when the lake was opened.
    pub(super) listed: bool,
}

impl Asked<'_> {
    /// The error of ours that tells of `error`.
    pub(super) fn told(&self, error: &StoreError) -> Error {
        if let Some(ours) = Error::within(error) {
            return ours;
        }
        let answer = Answer::of(error);
        let status = answer.status.map_or(0, |status| status);
        let again = "run the command again; it looks for the files anew";
        let (what, help) = match (error, status) {
            _ if answer.metadata => (
                format!("found no credentials: the metadata service of the machine gives none: {}", answer.told()),
                self.scheme.credentials(),
            ),
            (StoreError::NotFound { .. }, _) | (_, 404) if answer.code.as_deref() == Some("NoSuchBucket") => {
                ("no such bucket".to_owned(), "check the name of the bucket, and the endpoint")
            }
            (StoreError::NotFound { .. }, _) | (_, 404) if self.listed => {
                ("gone since it was listed".to_owned(), again)
            }
            (StoreError::NotFound { .. }, _) | (_, 404) => ("no such object".to_owned(), "check the location"),
            (StoreError::Precondition { .. }, _) | (_, 412 | 416) if self.listed => {
                ("changed since it was listed".to_owned(), again)
            }
            (StoreError::AlreadyExists { .. }, _) => ("already exists".to_owned(), "add --force to replace it"),
            (StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }, _) | (_, 401 | 403) => {
                (format!("not allowed: the store answers {}", answer.told()), self.scheme.credentials())
            }
            (StoreError::NotSupported { .. }, _) if self.scheme == Scheme::Http => (
                "the server gives files only whole, expected one that answers requests for a part (Range)".to_owned(),
                "copy the file to this machine, or serve it with a server that supports ranges",
            ),
            (_, 300..400) => (
                format!("the store sends elsewhere: it answers {}", answer.told()),
                "check the region (AWS_REGION) and the endpoint",
            ),
            (_, 400) => (
                format!("the store refuses the request: it answers {}", answer.told()),
                "check the region (AWS_REGION), the endpoint and the credentials",
            ),
            (_, 429 | 500..600) => (
                format!("the store is not able to answer: {}{}", answer.told(), answer.retried()),
                "run the command again later",
            ),
            (_, 0) => (
                format!("no answer from the store: {}{}", answer.text, answer.retried()),
                "check the network and the endpoint; run the command again later",
            ),
            _ => (format!("the store answers {}{}", answer.told(), answer.retried()), "check the location"),
        };
        Error::new(Kind::Input, format!("{}: {what}", self.shown)).with_help(help)
    }

    /// The error of an object that is not what was listed.
    pub(super) fn changed(&self, what: &str, listed: &str, found: &str) -> Error {
        let message = format!("{}: changed since it was listed: its {what} was {listed}, found {found}", self.shown);
        Error::new(Kind::Input, message).with_help("run the command again; it looks for the files anew")
    }
}

/// What can be told of an answer.
struct Answer {
    status: Option<u16>,
    /// The store's own name of what is wrong.
    code: Option<String>,
    /// What went wrong where there was no answer.
    text: String,
    retries: Option<String>,
    /// Whether it was the machine's metadata service that was asked.
    metadata: bool,
}

impl Answer {
    fn of(error: &StoreError) -> Self {
        let mut texts = Vec::new();
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(current) = next {
            texts.push(current.to_string());
            next = current.source();
        }
        let find = |before: &str| texts.iter().find_map(|text| Some(text.split_once(before)?.1));
        let status = find("status code: ").and_then(|rest| rest.get(..3)?.parse().ok());
        let code = find("<Code>").and_then(|rest| rest.split_once("</Code>")).map(|(code, _)| code.to_owned());
        let retries = find(", after ").and_then(|rest| rest.split_once(" retries")).map(|(count, _)| count.to_owned());
        let metadata = ["169.254.169.254", "169.254.170.2", "metadata.google.internal", "/latest/api/token"]
            .iter()
            .any(|host| texts.iter().any(|text| text.contains(host)));
        Self { status, code, text: harmless(texts.last().map_or("", String::as_str)), retries, metadata }
    }

    /// The status, and the store's name of what is wrong.
    fn told(&self) -> String {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => format!("{status} ({})", harmless(code)),
            (Some(status), None) => status.to_string(),
            (None, _) => self.text.clone(),
        }
    }

    fn retried(&self) -> String {
        self.retries.as_ref().map_or_else(String::new, |count| format!(", also after {count} retries"))
    }
}

/// A short text without addresses, which may hold signatures.
fn harmless(text: &str) -> String {
    let words: Vec<_> =
        text.split_whitespace().filter(|word| !word.contains("://") && !word.contains("Signature=")).collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(listed: bool, error: &StoreError) -> String {
        let error = Asked { shown: "s3://b/x", scheme: Scheme::S3, listed }.told(error);
        format!("{error} | {}", error.help().unwrap_or_default())
    }

    fn generic(text: &str) -> StoreError {
        StoreError::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn answers_become_advice() {
        let missing = || StoreError::NotFound { path: "x".into(), source: "x".into() };
        assert!(told(false, &missing()).starts_with("s3://b/x: no such object | check"));
        assert!(told(true, &missing()).starts_with("s3://b/x: gone since it was listed"));
        let changed = StoreError::Precondition { path: "x".into(), source: "x".into() };
        assert!(told(true, &changed).contains("changed since it was listed"));
        let slow = "Error performing GET http://h/x?X-Amz-Signature=0123 in 1s, after 8 retries, max_retries: 8  - Server \
                    returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>";
        let slow = told(true, &generic(slow));
        assert!(slow.contains("503 (SlowDown), also after 8 retries"), "{slow}");
        let denied = "Error performing GET http://h/x - Server returned non-2xx status code: 403 Forbidden: \
                      <Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId>";
        let denied = told(false, &StoreError::PermissionDenied { path: "x".into(), source: denied.into() });
        assert!(denied.contains("403 (SignatureDoesNotMatch)") && denied.contains("AWS_ACCESS_KEY_ID"), "{denied}");
        assert!(!denied.contains("AKIA") && !denied.contains("http://"), "{denied}");
        let machine = "Error performing PUT http://169.254.169.254/latest/api/token in 1s - Server returned non-2xx status \
                       code: 403 Forbidden: ";
        let machine = told(false, &StoreError::PermissionDenied { path: "x".into(), source: machine.into() });
        assert!(machine.contains("found no credentials: the metadata service"), "{machine}");
        let cut = told(true, &generic("connection closed by http://h/x?X-Amz-Signature=0123 early"));
        assert!(cut.contains("no answer from the store: connection closed by early") && !cut.contains("0123"), "{cut}");
    }
}
