//! The description of a bucket, validated with an error for each field.

use std::fmt;

use protocol::NewBucket;
use storage_adapter::AnyStore;
use url::{Host as UrlHost, Url};

/// The longest word, in bytes.
const MAX_WORD: usize = 200;
/// The longest secret, in bytes.
const MAX_SECRET: usize = 1024;
/// The longest prefix, in bytes; with it the longest key stays below what S3 allows.
const MAX_PREFIX: usize = 48;

/// A bucket and the credentials for it. The secret does not appear in `Debug`.
#[derive(Clone, Eq, PartialEq)]
pub struct BucketSettings {
    /// Address of the S3 server, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// Its region; `us-east-1` if there is an endpoint and no region.
    pub region: Option<String>,
    /// Its name.
    pub bucket: String,
    /// What all keys begin with; a `/` follows.
    pub prefix: String,
    /// Whether the bucket is in the path instead of the host name; by default if there is an endpoint.
    pub path_style: Option<bool>,
    /// Id of the access key.
    pub access_key_id: String,
    /// Its secret; empty in requests that keep the one that is known.
    pub secret_access_key: String,
    /// Whether the operator gave it: then it may be anywhere, over plain HTTP too.
    pub trusted: bool,
}

impl From<NewBucket> for BucketSettings {
    /// A user named it: it is not trusted.
    fn from(named: NewBucket) -> Self {
        Self {
            endpoint: named.endpoint,
            region: named.region,
            bucket: named.bucket,
            prefix: named.prefix,
            path_style: named.path_style,
            access_key_id: named.access_key_id,
            secret_access_key: named.secret_access_key,
            trusted: false,
        }
    }
}

impl fmt::Debug for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketSettings")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A bucket cannot be opened; the sentence says why and what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BucketError(pub String);

/// A bucket that was opened and tested.
#[derive(Clone, Debug)]
pub struct OpenedBucket {
    /// The bucket.
    pub store: AnyStore,
    /// Whether its server also honours conditions of multipart uploads.
    pub parts: bool,
}

impl BucketSettings {
    /// Validates all fields and fills in the defaults.
    ///
    /// # Errors
    /// One sentence: which field, and what is expected. It reveals no secret.
    pub(crate) fn check(mut self) -> Result<Self, String> {
        let tidy = |text: Option<String>| {
            let text = text.map(|text| text.trim().to_owned());
            text.filter(|text| !text.is_empty())
        };
        self.endpoint = match tidy(self.endpoint) {
            Some(text) => Some(endpoint(&text, self.trusted)?),
            None => None,
        };
        self.region = tidy(self.region);
        if self.region.is_none() && self.endpoint.is_none() {
            return Err(
                "region is missing: a bucket at Amazon has one, such as eu-central-1".to_owned(),
            );
        }
        let region = self.region.get_or_insert_with(|| "us-east-1".to_owned());
        word("region", region)?;
        self.bucket = self.bucket.trim().to_owned();
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
        let name = &self.bucket;
        if name.is_empty()
            || name.len() > 255
            || !name.bytes().all(allowed)
            || name.starts_with(['.', '-'])
        {
            return Err(
                "bucket is not the name of one: it takes letters, digits, - and .".to_owned(),
            );
        }
        self.prefix = self.prefix.trim().trim_end_matches('/').to_owned();
        let fits =
            |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
        if !self.prefix.is_empty()
            && (self.prefix.len() > MAX_PREFIX || !self.prefix.split('/').all(fits))
        {
            return Err(format!(
                "prefix is not valid: it takes names joined by /, without a leading one, at most {MAX_PREFIX} bytes"
            ));
        }
        let elsewhere = self.endpoint.is_some();
        self.path_style = Some(self.path_style.unwrap_or(elsewhere));
        self.access_key_id = self.access_key_id.trim().to_owned();
        word("access_key_id", &self.access_key_id)?;
        self.secret_access_key = self.secret_access_key.trim().to_owned();
        let secret = &self.secret_access_key;
        if secret.is_empty()
            || secret.len() > MAX_SECRET
            || !secret.bytes().all(|c| c.is_ascii_graphic())
        {
            return Err("secret_access_key is missing or has blanks in it".to_owned());
        }
        Ok(self)
    }

    /// Returns a field by the name of a bucket's variable (`SUBSPACE_S3_BUCKET` and so on), the form in which stores
    /// take their settings.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        match name.strip_prefix("SUBSPACE_S3_")? {
            "BUCKET" => Some(self.bucket.clone()),
            "REGION" => self.region.clone(),
            "ENDPOINT" => self.endpoint.clone(),
            "PREFIX" => Some(self.prefix.clone()),
            "ACCESS_KEY_ID" => Some(self.access_key_id.clone()),
            "SECRET_ACCESS_KEY" => Some(self.secret_access_key.clone()),
            "PATH_STYLE" => self.path_style.map(|flag| flag.to_string()),
            _ => None,
        }
    }

    /// Reads a bucket that the operator configures, from variables that begin with `prefix` and end like those of the
    /// installation's bucket.
    ///
    /// # Errors
    /// One sentence: which variable is missing.
    pub fn from_variables(
        prefix: &str,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BucketError> {
        let get = |name: &str| get(&format!("{prefix}{name}")).filter(|value| !value.is_empty());
        let required =
            |name: &str| get(name).ok_or_else(|| BucketError(format!("{prefix}{name} is not set")));
        Ok(Self {
            endpoint: get("ENDPOINT"),
            region: get("REGION"),
            bucket: required("BUCKET")?,
            prefix: get("PREFIX").unwrap_or_default(),
            path_style: get("PATH_STYLE").map(|flag| matches!(flag.as_str(), "true" | "1")),
            access_key_id: required("ACCESS_KEY_ID")?,
            secret_access_key: required("SECRET_ACCESS_KEY")?,
            trusted: true,
        })
    }

    /// Its location, for people; no secrets.
    #[must_use]
    pub fn describe(&self) -> String {
        let at = match (&self.endpoint, &self.region) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(region)) => format!("Amazon S3 in {region}"),
            (None, None) => "Amazon S3".to_owned(),
        };
        format!("bucket \"{}\" at {at}", self.bucket)
    }
}

fn word(field: &str, text: &str) -> Result<(), String> {
    let fits = !text.is_empty()
        && text.len() <= MAX_WORD
        && text.bytes().all(|c| c.is_ascii_graphic() && c != b'/');
    if fits {
        Ok(())
    } else {
        Err(format!(
            "{field} is missing or is not one word of ASCII characters without /"
        ))
    }
}

/// Validates an endpoint. The address it resolves to is checked when connecting.
fn endpoint(text: &str, trusted: bool) -> Result<String, String> {
    let wrong = || "endpoint is not an address like https://s3.example.org".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && text.len() <= MAX_WORD
        && text.is_ascii();
    match url.host() {
        Some(UrlHost::Domain(_) | UrlHost::Ipv4(_) | UrlHost::Ipv6(_)) if plain || trusted => {}
        _ => return Err(wrong()),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut BucketSettings)) -> Result<BucketSettings, String> {
        let mut settings = BucketSettings {
            endpoint: Some(" https://s3.example.org/ ".to_owned()),
            region: None,
            bucket: "mine".to_owned(),
            prefix: "chat/".to_owned(),
            path_style: None,
            access_key_id: "AKID".to_owned(),
            secret_access_key: "s/e+cret".to_owned(),
            trusted: false,
        };
        change(&mut settings);
        settings.check()
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let all = settings(|_| {}).unwrap();
        assert_eq!(all.endpoint.as_deref(), Some("https://s3.example.org"));
        assert_eq!(all.region.as_deref(), Some("us-east-1"));
        assert_eq!((all.prefix.as_str(), all.path_style), ("chat", Some(true)));
        assert!(!format!("{all:?}{}", all.describe()).contains("s/e+cret"));
        let amazon =
            settings(|all| (all.endpoint, all.region) = (None, Some("eu-central-1".into())));
        assert_eq!(amazon.unwrap().path_style, Some(false));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |change: fn(&mut BucketSettings)| settings(change).unwrap_err();
        assert!(said(|all| all.endpoint = None).starts_with("region is missing"));
        assert!(said(|all| all.endpoint = Some("ftp://x".into())).starts_with("endpoint"));
        assert!(said(|all| all.endpoint = Some("https://u:p@x".into())).starts_with("endpoint"));
        assert!(said(|all| all.bucket = "a b".into()).starts_with("bucket"));
        assert!(said(|all| all.prefix = "/a".into()).starts_with("prefix"));
        assert!(said(|all| all.prefix = "a/../b".into()).starts_with("prefix"));
        assert!(said(|all| all.access_key_id = String::new()).starts_with("access_key_id"));
        assert!(said(|all| all.secret_access_key = "two words".into()).starts_with("secret"));
    }
}
