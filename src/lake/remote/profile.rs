//! Profiles of the AWS command line: keys, region and endpoint in `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::environment::Environment;
use crate::error::{Error, Kind, Result};

/// What a profile may say that is read here.
const KEYS: [&str; 5] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "endpoint_url"];

/// What a profile says where its keys come from elsewhere.
const ELSEWHERE: [&str; 5] = ["credential_process", "role_arn", "sso_session", "sso_start_url", "login_session"];

/// What the profile of an environment says, by the names of the variables in lower case; nothing of keys where the
/// environment has some itself.
///
/// # Errors
/// A profile that `AWS_PROFILE` names and no file has; one whose keys come from a sign-in; files that cannot be read.
pub(super) fn read(environment: &Environment) -> Result<Vec<(String, String)>> {
    let named = environment.value("AWS_PROFILE");
    let name = named.unwrap_or("default");
    let mut found: Option<BTreeMap<String, String>> = None;
    for (variable, file, section) in [
        ("AWS_CONFIG_FILE", "config", if name == "default" { name.to_owned() } else { format!("profile {name}") }),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name.to_owned()),
    ] {
        let beside = || environment.home.as_ref().map(|home| home.join(".aws").join(file));
        let Some(path) = environment.value(variable).map(PathBuf::from).or_else(beside) else { continue };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => {
                let message = format!("{}: the profiles cannot be read", path.display());
                return Err(Error::new(Kind::Usage, message).with_source(e));
            }
        };
        if let Some(values) = sections(&text).remove(&section) {
            found.get_or_insert_default().extend(values);
        }
    }
    let Some(mut values) = found else {
        return match named {
            Some(name) => Err(Error::new(Kind::Usage, format!("AWS_PROFILE: no profile is named '{name}'"))
                .with_help("expected the name of a profile of ~/.aws/credentials or ~/.aws/config")),
            None => Ok(Vec::new()),
        };
    };
    let signed_in = environment.value("AWS_ACCESS_KEY_ID").is_some() || environment.says("AWS_SKIP_SIGNATURE");
    if signed_in {
        values.retain(|key, _| !key.starts_with("aws_"));
    } else if !values.contains_key("aws_access_key_id")
        && let Some(how) = ELSEWHERE.iter().find(|how| values.contains_key(**how))
    {
        let message = format!("the AWS profile '{name}' gets its keys by {how}, found no aws_access_key_id in it");
        let help = format!(
            "export the keys first: eval \"$(aws configure export-credentials --profile {name} --format env)\""
        );
        return Err(Error::new(Kind::Usage, message).with_help(help));
    }
    values.retain(|key, _| KEYS.contains(&key.as_str()));
    Ok(values.into_iter().collect())
}

/// The sections of a file of profiles. Indented lines belong to a value that is not read here.
fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            all.entry(name.clone()).or_default();
            current = Some(name);
        } else if let (Some(section), Some((key, value))) = (&current, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            all.entry(section.clone()).or_default().insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let aws = home.path().join(".aws");
        std::fs::create_dir(&aws).unwrap();
        let config = "[default]\nregion = eu-west-1\n\n[profile work]\nregion=us-west-2 # far\nendpoint_url = http://h:1\n\
                      s3 =\n  max_queue_size = 1\n[profile sso]\nsso_session = x\n";
        std::fs::write(aws.join("config"), config).unwrap();
        let keys = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=S=1\n[ work ]\naws_access_key_id=B\n\
                    aws_secret_access_key=T\naws_session_token=U\n";
        std::fs::write(aws.join("credentials"), keys).unwrap();
        home
    }

    fn read_with(variables: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
        let home = home();
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        read(&Environment::new(variables, Some(home.path().to_owned())))
    }

    fn values(variables: &[(&str, &str)]) -> Vec<String> {
        read_with(variables).unwrap().into_iter().map(|(k, v)| format!("{k}={v}")).collect()
    }

    #[test]
    fn keys_and_regions_of_profiles() {
        let default = ["aws_access_key_id=A", "aws_secret_access_key=S=1", "region=eu-west-1"];
        assert_eq!(values(&[]), default);
        let work = [
            "aws_access_key_id=B",
            "aws_secret_access_key=T",
            "aws_session_token=U",
            "endpoint_url=http://h:1",
            "region=us-west-2",
        ];
        assert_eq!(values(&[("AWS_PROFILE", "work")]), work);
        // Keys of two sources are never mixed.
        assert_eq!(values(&[("AWS_ACCESS_KEY_ID", "X")]), ["region=eu-west-1"]);
        assert_eq!(values(&[("AWS_SKIP_SIGNATURE", "true")]), ["region=eu-west-1"]);
        assert!(read(&Environment::default()).unwrap().is_empty());
    }

    #[test]
    fn profiles_that_cannot_be_used() {
        let missing = read_with(&[("AWS_PROFILE", "none")]).unwrap_err();
        assert!(missing.to_string().contains("no profile is named 'none'"), "{missing}");
        let sso = read_with(&[("AWS_PROFILE", "sso")]).unwrap_err();
        assert!(sso.to_string().contains("sso_session") && sso.help().unwrap().contains("export-credentials"), "{sso}");
    }
}
