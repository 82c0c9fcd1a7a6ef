//! The bucket that accounts are kept in with `store = "s3"`: flags, environment, the table `[s3]` of the file.
//!
//! Secrets come from the environment or from files of their own, never from flags.

use clap::Args;
use functions_native::bucket_settings;
use serde::Deserialize;
use storage_s3::S3Settings;

/// Every key as it may be given.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct BucketKeys {
    /// Name of the bucket.
    #[arg(long = "s3-bucket", env = "SUBSPACE_S3_BUCKET", value_name = "NAME")]
    bucket: Option<String>,
    /// Region of the bucket [default: us-east-1 if there is an endpoint].
    #[arg(long = "s3-region", env = "SUBSPACE_S3_REGION", value_name = "NAME")]
    region: Option<String>,
    /// Address of the S3 server, if it is not Amazon's.
    #[arg(long = "s3-endpoint", env = "SUBSPACE_S3_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// What all keys in the bucket begin with [default: nothing].
    #[arg(long = "s3-prefix", env = "SUBSPACE_S3_PREFIX", value_name = "TEXT")]
    prefix: Option<String>,
    /// Id of the access key.
    #[arg(
        long = "s3-access-key-id",
        env = "SUBSPACE_S3_ACCESS_KEY_ID",
        value_name = "ID"
    )]
    access_key_id: Option<String>,
    /// File with the secret of the access key; or SUBSPACE_S3_SECRET_ACCESS_KEY holds it.
    #[arg(
        long = "s3-secret-access-key-file",
        env = "SUBSPACE_S3_SECRET_ACCESS_KEY_FILE",
        value_name = "FILE"
    )]
    secret_access_key_file: Option<String>,
    /// File with the session token of temporary credentials; or SUBSPACE_S3_SESSION_TOKEN holds it.
    #[arg(
        long = "s3-session-token-file",
        env = "SUBSPACE_S3_SESSION_TOKEN_FILE",
        value_name = "FILE"
    )]
    session_token_file: Option<String>,
    /// Whether the bucket is in the path instead of the host name [default: true if there is an endpoint].
    #[arg(
        long = "s3-path-style",
        env = "SUBSPACE_S3_PATH_STYLE",
        value_name = "BOOL"
    )]
    path_style: Option<bool>,
    /// Whether no other process writes there, so that the server need not decide conditions [default: false].
    #[arg(
        long = "s3-single-writer",
        env = "SUBSPACE_S3_SINGLE_WRITER",
        value_name = "BOOL"
    )]
    single_writer: Option<bool>,
}

impl BucketKeys {
    /// Adds the file's and checks every key.
    ///
    /// # Errors
    /// One sentence: which variable, what was found, what is expected.
    pub(crate) fn resolve(self, file: Self) -> anyhow::Result<S3Settings> {
        let secret = |name: &str| std::env::var(name).ok();
        let flag = |value: Option<bool>| value.map(|value| value.to_string());
        let get = |name: &str| match name.strip_prefix("SUBSPACE_S3_")? {
            "BUCKET" => self.bucket.clone().or_else(|| file.bucket.clone()),
            "REGION" => self.region.clone().or_else(|| file.region.clone()),
            "ENDPOINT" => self.endpoint.clone().or_else(|| file.endpoint.clone()),
            "PREFIX" => self.prefix.clone().or_else(|| file.prefix.clone()),
            "ACCESS_KEY_ID" => self
                .access_key_id
                .clone()
                .or_else(|| file.access_key_id.clone()),
            "SECRET_ACCESS_KEY" | "SESSION_TOKEN" => secret(name),
            "SECRET_ACCESS_KEY_FILE" => {
                let path = self.secret_access_key_file.clone();
                path.or_else(|| file.secret_access_key_file.clone())
            }
            "SESSION_TOKEN_FILE" => {
                let path = self.session_token_file.clone();
                path.or_else(|| file.session_token_file.clone())
            }
            "PATH_STYLE" => flag(self.path_style.or(file.path_style)),
            "SINGLE_WRITER" => flag(self.single_writer.or(file.single_writer)),
            _ => None,
        };
        Ok(bucket_settings(get)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stands_behind_the_flags() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "secret\n").unwrap();
        let text = format!(
            "bucket = \"other\"\nregion = \"eu-central-1\"\naccess-key-id = \"AKID\"\nsingle-writer = true\n\
             secret-access-key-file = \"{}\"\n",
            path.display()
        );
        let file: BucketKeys = toml::from_str(&text).unwrap();
        let keys = BucketKeys {
            bucket: Some("chat".to_owned()),
            ..BucketKeys::default()
        };
        let settings = keys.resolve(file).unwrap();
        assert!(settings.single_writer());
        assert_eq!(
            settings.describe(),
            "bucket \"chat\" at Amazon S3 in eu-central-1"
        );
        let missing = BucketKeys::default().resolve(BucketKeys::default());
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .starts_with("SUBSPACE_S3_BUCKET is not set")
        );
    }
}
