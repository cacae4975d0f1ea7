//! Locations outside of this machine: which store, and what in it.

use object_store::path::Path;
use url::Url;

use super::super::store::{Named, named};
use crate::error::{Error, Kind, Result};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Amazon S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage and Data Lake Storage.
    Azure,
    /// A web server.
    Http,
}

impl Scheme {
    /// What a user can do who is not let in.
    pub(super) const fn credentials(self) -> &'static str {
        match self {
            Self::S3 => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where the keys are temporary) or \
                 AWS_PROFILE; AWS_SKIP_SIGNATURE=true reads a public bucket without keys"
            }
            Self::Gcs => {
                "set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT to the file of an account; \
                 GOOGLE_SKIP_SIGNATURE=true reads a public bucket without one"
            }
            Self::Azure => {
                "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_CLIENT_ID with \
                 AZURE_CLIENT_SECRET and AZURE_TENANT_ID, or AZURE_USE_AZURE_CLI=true; AZURE_SKIP_SIGNATURE=true reads a \
                 public container without"
            }
            Self::Http => {
                "write user and password into the location, https://USER:PASSWORD@HOST/, or use a signed location"
            }
        }
    }
}

/// A place in a store: an object, what begins with a path, or a glob.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) scheme: Scheme,
    /// The store without what is secret: `s3://bucket`.
    pub(super) store: String,
    /// The bucket, the container, or the URL of the server, with what signs in to it.
    pub(super) target: String,
    /// The path below it as people read it, without the first slash.
    pub(super) key: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.shown(&self.key))
    }
}

impl Address {
    /// The place that a location names; `None` for one on this machine.
    ///
    /// # Errors
    /// A location that names a store of another kind, or no bucket.
    pub(crate) fn parse(location: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = location.split_once("://") else { return Ok(None) };
        let cloud = |kind: Scheme, named: &str| {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(wrong(location, "found no bucket", "write s3://BUCKET/PATH"));
            }
            let key = key.trim_start_matches('/').to_owned();
            let store = format!("{named}://{bucket}");
            Ok(Some(Self { scheme: kind, target: store.clone(), store, key }))
        };
        match scheme {
            "file" => Ok(None),
            "s3" | "s3a" => cloud(Scheme::S3, "s3"),
            "gs" => cloud(Scheme::Gcs, "gs"),
            "az" | "abfs" | "abfss" => cloud(Scheme::Azure, scheme),
            "http" | "https" => Self::web(location).map(Some),
            _ if !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
                let found = format!("found a location in a store of kind '{scheme}'");
                let help = "expected a path on this machine, - for standard input, or a location that begins with s3://, \
                            gs://, az://, abfss://, http:// or https://";
                Err(wrong(location, &found, help))
            }
            _ => Ok(None),
        }
    }

    fn web(location: &str) -> Result<Self> {
        // What signs in must not be told, also where it keeps the rest from being understood.
        let bare = location.split(['?', '#']).next().unwrap_or_default();
        let told = match bare.rsplit_once('@') {
            Some((before, rest)) => format!("{}://{rest}", before.split("://").next().unwrap_or_default()),
            None => bare.to_owned(),
        };
        let invalid = |e: &dyn std::fmt::Display| wrong(&told, &e.to_string(), "write http://HOST/PATH");
        let mut url = Url::parse(location).map_err(|e| invalid(&e))?;
        let key = object_store::path::Path::from_url_path(url.path()).map_err(|e| invalid(&e))?;
        let slash = if url.path().ends_with('/') && !key.as_ref().is_empty() { "/" } else { "" };
        let store = url.origin().ascii_serialization();
        url.set_path("");
        url.set_fragment(None);
        Ok(Self { scheme: Scheme::Http, store, target: url.to_string(), key: format!("{key}{slash}") })
    }

    /// The path below the store as people read it, without the first slash.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The place of a path below this one.
    pub(crate) fn below(&self, path: &str) -> Self {
        let key = self.key.trim_end_matches('/');
        let key = if key.is_empty() { path.to_owned() } else { format!("{key}/{path}") };
        Self { key, ..self.clone() }
    }

    /// Whether its name leaves open that it is a folder: neither a pattern nor the name of a file with events.
    pub(crate) fn may_be_folder(&self) -> bool {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        !self.is_glob() && !matches!(named(name), Named::Is(_))
    }

    /// Its path in the store.
    ///
    /// # Errors
    /// A path that no object can have.
    pub(crate) fn object(&self) -> Result<Path> {
        Path::parse(self.key.trim_end_matches('/')).map_err(|e| {
            Error::new(Kind::Usage, format!("{}: a path that no object can have", self.shown(&self.key)))
                .with_help("expected names parted by single slashes, none of them . or ..")
                .with_source(e)
        })
    }

    /// Its path among all stores.
    ///
    /// # Errors
    /// A path that no object can have.
    #[cfg(feature = "delta")]
    pub(crate) fn path(&self) -> Result<Path> {
        Self { key: format!("{}/{}", self.id(), self.key), ..self.clone() }.object()
    }

    /// The place of a key in the store, as people write it.
    pub(crate) fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.store)
    }

    /// The first segments of a path that names the store among others.
    pub(super) fn id(&self) -> String {
        let id = self.store.replacen("://", ":/", 1);
        if self.target == self.store || self.scheme != Scheme::Http {
            return id;
        }
        let bare = format!("{}/", self.store);
        if self.target == bare {
            return id;
        }
        // The same server, signed in otherwise.
        let told_apart = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, self.target.as_bytes());
        format!("{id}~{}", told_apart.simple())
    }

    /// Whether the path is a pattern of paths.
    pub(super) fn is_glob(&self) -> bool {
        self.key.contains(['*', '[', '{']) || (self.scheme != Scheme::Http && self.key.contains('?'))
    }
}

fn wrong(location: &str, found: &str, help: &str) -> Error {
    Error::new(Kind::Usage, format!("{location}: {found}")).with_help(help)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    #[test]
    fn locations_of_every_kind() {
        for (location, store, key, id) in [
            ("s3://b/x/y.parquet", "s3://b", "x/y.parquet", "s3:/b"),
            ("s3a://b", "s3://b", "", "s3:/b"),
            ("gs://b/x%20/", "gs://b", "x%20/", "gs:/b"),
            (
                "abfss://c@a.dfs.core.windows.net/x",
                "abfss://c@a.dfs.core.windows.net",
                "x",
                "abfss:/c@a.dfs.core.windows.net",
            ),
            ("http://h:81/a%20b/c.ndjson", "http://h:81", "a b/c.ndjson", "http:/h:81"),
            ("https://h/a/", "https://h", "a/", "https:/h"),
        ] {
            let address = Address::parse(location).unwrap().unwrap();
            assert_eq!((address.store.as_str(), address.key.as_str(), address.id().as_str()), (store, key, id));
        }
        for here in ["a/b", "file:///a", "-", "/a://b", "C:/x"] {
            assert_eq!(Address::parse(here).unwrap(), None, "{here}");
        }
        assert!(Address::parse("s3:///x").is_err());
        assert!(Address::parse("ftp://h/x").unwrap_err().help().unwrap().contains("s3://"));
    }

    #[test]
    fn what_signs_in_is_not_told() {
        let signed = Address::parse("https://me:secret@h/x.parquet?X-Signature=secret").unwrap().unwrap();
        let plain = Address::parse("https://h/x.parquet").unwrap().unwrap();
        assert_ne!(signed.id(), plain.id());
        assert_eq!(signed.shown(&signed.key), "https://h/x.parquet");
        assert!(signed.target.contains("secret") && !format!("{signed:?} {}", signed.id()).contains("secret"));
        let broken = Address::parse("https://me:secret@h:port/x?secret").unwrap_err();
        assert!(!broken.to_string().contains("secret"), "{broken}");
    }
}
