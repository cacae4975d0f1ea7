//! Stores that are signed in as the environment says.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, RetryConfig};
use tokio::net::TcpStream;

use super::address::{Address, Scheme};
use super::environment::Environment;
use super::profile;
use crate::error::{Error, Kind, Result};

/// How often a request is made anew, unless `AWS_MAX_ATTEMPTS` says otherwise.
const RETRIES: usize = 8;

/// The longest wait before a request is made anew.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// For how long a request is made anew.
const RETRY_FOR: Duration = Duration::from_mins(2);

/// How long the machine's metadata service may take to let somebody in: it is near, or there is none.
const METADATA_WAIT: Duration = Duration::from_secs(1);

/// The store of an address.
///
/// # Errors
/// Settings that contradict each other; no credentials, and no metadata service that could give some.
pub(super) async fn store(address: &Address, environment: &Environment) -> Result<Arc<dyn ObjectStore>> {
    let wrong = |e: object_store::Error| {
        let cause = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        Error::new(Kind::Usage, format!("{}: {cause}", address.store)).with_help(address.scheme.credentials())
    };
    Ok(match address.scheme {
        Scheme::S3 => Arc::new(s3(address, environment).await?.build().map_err(wrong)?),
        Scheme::Gcs => Arc::new(gcs(address, environment).await?.build().map_err(wrong)?),
        Scheme::Azure => Arc::new(azure(address, environment).await?.build().map_err(wrong)?),
        Scheme::Http => {
            let builder = HttpBuilder::new().with_url(&address.target).with_retry(retry(environment));
            Arc::new(builder.with_client_options(client().with_allow_http(true)).build().map_err(wrong)?)
        }
    })
}

fn client() -> ClientOptions {
    let agent = HeaderValue::from_static(concat!("egret/", env!("CARGO_PKG_VERSION")));
    ClientOptions::new().with_user_agent(agent)
}

fn retry(environment: &Environment) -> RetryConfig {
    let attempts = environment.value("AWS_MAX_ATTEMPTS").and_then(|text| text.parse::<usize>().ok());
    RetryConfig {
        max_retries: attempts.map_or(RETRIES, |attempts| attempts.saturating_sub(1)),
        retry_timeout: RETRY_FOR,
        backoff: BackoffConfig { max_backoff: LONGEST_WAIT, ..BackoffConfig::default() },
    }
}

async fn s3(address: &Address, environment: &Environment) -> Result<AmazonS3Builder> {
    let profile = profile::read(environment)?;
    let keyed = profile.iter().any(|(key, _)| key == "aws_access_key_id")
        || environment.has_any(&[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ])
        || environment.says("AWS_SKIP_SIGNATURE");
    if !keyed {
        if environment.says("AWS_EC2_METADATA_DISABLED") {
            return Err(no_credentials(address));
        }
        let endpoint = environment.value("AWS_METADATA_ENDPOINT").unwrap_or("http://169.254.169.254");
        metadata_service(address, endpoint).await?;
    }
    let mut builder = AmazonS3Builder::new().with_client_options(client()).with_retry(retry(environment));
    let own = profile.iter().map(|(key, value)| (key.clone(), value.as_str()));
    for (key, value) in own.chain(environment.beginning("AWS_")) {
        if let Ok(key) = key.parse() {
            builder = builder.with_config(key, value);
        }
    }
    let of_profile = profile.iter().find(|(key, _)| key == "endpoint_url").map(|(_, value)| value.as_str());
    let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let endpoint = named.iter().find_map(|name| environment.value(name)).or(of_profile);
    // Who names an endpoint without TLS means it.
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    Ok(builder.with_bucket_name(bucket(address)))
}

async fn gcs(address: &Address, environment: &Environment) -> Result<GoogleCloudStorageBuilder> {
    let emulator = environment.value("STORAGE_EMULATOR_HOST");
    let stored = environment
        .home
        .as_ref()
        .is_some_and(|home| home.join(".config/gcloud/application_default_credentials.json").is_file());
    let keyed = stored
        || emulator.is_some()
        || environment.has_any(&[
            "GOOGLE_SERVICE_ACCOUNT",
            "GOOGLE_SERVICE_ACCOUNT_PATH",
            "GOOGLE_SERVICE_ACCOUNT_KEY",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ])
        || environment.says("GOOGLE_SKIP_SIGNATURE");
    if !keyed {
        let host = environment.value("GCE_METADATA_HOST").unwrap_or("metadata.google.internal");
        metadata_service(address, &format!("http://{host}")).await?;
    }
    let emulator = emulator.map(|host| if host.contains("://") { host.to_owned() } else { format!("http://{host}") });
    let base = emulator.as_deref().or(environment.value("GOOGLE_BASE_URL"));
    let options = client().with_allow_http(base.is_some_and(|base| base.starts_with("http://")));
    let mut builder = GoogleCloudStorageBuilder::new().with_client_options(options).with_retry(retry(environment));
    if let Some(host) = &emulator {
        builder =
            builder.with_config(GoogleConfigKey::BaseUrl, host).with_config(GoogleConfigKey::SkipSignature, "true");
    }
    for (key, value) in environment.beginning("GOOGLE_") {
        if let Ok(key) = key.parse() {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder.with_bucket_name(bucket(address)))
}

async fn azure(address: &Address, environment: &Environment) -> Result<MicrosoftAzureBuilder> {
    let keyed = environment.has_any(&[
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_MASTER_KEY",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_MSI_ENDPOINT",
        "AZURE_IDENTITY_ENDPOINT",
    ]) || ["AZURE_SKIP_SIGNATURE", "AZURE_USE_AZURE_CLI", "AZURE_STORAGE_USE_EMULATOR"]
        .iter()
        .any(|name| environment.says(name));
    if !keyed {
        metadata_service(address, "http://169.254.169.254").await?;
    }
    let mut builder = MicrosoftAzureBuilder::new().with_client_options(client()).with_retry(retry(environment));
    for (key, value) in environment.beginning("AZURE_") {
        if let Ok(key) = key.parse() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoint = environment.value("AZURE_STORAGE_ENDPOINT").or(environment.value("AZURE_ENDPOINT"));
    let local = environment.says("AZURE_STORAGE_USE_EMULATOR");
    if local || endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    Ok(builder.with_url(&address.target))
}

/// The name of the bucket.
fn bucket(address: &Address) -> &str {
    address.target.split_once("://").map_or("", |(_, bucket)| bucket)
}

/// Makes sure that there is a service that gives the credentials of the machine, where nothing else gives some: requests
/// to one that does not exist would be made again and again.
async fn metadata_service(address: &Address, endpoint: &str) -> Result<()> {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/');
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    match tokio::time::timeout(METADATA_WAIT, TcpStream::connect(host)).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(no_credentials(address)),
    }
}

/// The error of a store for which there are no credentials.
fn no_credentials(address: &Address) -> Error {
    let message =
        format!("{}: found no credentials in the environment, and no metadata service of a machine", address.store);
    Error::new(Kind::Input, message).with_help(address.scheme.credentials())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

    use super::*;

    async fn built(location: &str, variables: &[(&str, &str)]) -> Result<String> {
        let address = Address::parse(location).unwrap().unwrap();
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        store(&address, &Environment::new(variables, None)).await.map(|store| store.to_string())
    }

    #[tokio::test]
    async fn every_kind_of_store_is_built_of_its_variables() {
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];
        assert!(built("s3://bucket/x", &keys).await.unwrap().contains("bucket"));
        assert!(built("gs://bucket/x", &[("GOOGLE_SKIP_SIGNATURE", "true")]).await.unwrap().contains("bucket"));
        let azure = [("AZURE_STORAGE_ACCOUNT_NAME", "name"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")];
        assert!(built("az://container/x", &azure).await.unwrap().contains("container"));
        let location = "abfss://container@name.dfs.core.windows.net/x";
        assert!(built(location, &azure[1..]).await.unwrap().contains("container"));
        assert_eq!(built("https://h/x", &[]).await.unwrap(), "HttpStore");
    }

    #[tokio::test]
    async fn a_store_without_credentials_says_which_variables_are_missing() {
        let error = built("s3://b/x", &[("AWS_EC2_METADATA_DISABLED", "true")]).await.unwrap_err();
        assert!(error.help().unwrap().contains("AWS_ACCESS_KEY_ID"), "{error}");
        // A port at which nothing listens stands for a machine without the service.
        let nowhere = [("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")];
        let error = built("s3://b/x", &nowhere).await.unwrap_err();
        assert!(error.to_string().starts_with("s3://b: found no credentials"), "{error}");
        let error = built("gs://b/x", &[("GCE_METADATA_HOST", "127.0.0.1:1")]).await.unwrap_err();
        assert!(error.help().unwrap().contains("GOOGLE_APPLICATION_CREDENTIALS"), "{error}");
        let half = built("s3://b/x", &[("AWS_ACCESS_KEY_ID", "secret-id")]).await.unwrap_err();
        assert!(half.to_string().contains("SecretAccessKey") && !half.to_string().contains("secret-id"), "{half}");
    }
}
