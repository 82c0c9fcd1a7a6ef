//! The bucket's location and credentials.

use std::fmt;
use std::net::IpAddr;

use options::{Options as _, Secret};
use url::Url;

use crate::{S3Options, keys};

/// The longest prefix, in bytes: with it the longest key of an account's tree stays within S3's limit.
pub const MAX_PREFIX_BYTES: usize = 48;

const BUCKET: &str = "SUBSPACE_S3_BUCKET";
const REGION: &str = "SUBSPACE_S3_REGION";
const ENDPOINT: &str = "SUBSPACE_S3_ENDPOINT";
const PREFIX: &str = "SUBSPACE_S3_PREFIX";
const ACCESS_KEY_ID: &str = "SUBSPACE_S3_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "SUBSPACE_S3_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "SUBSPACE_S3_SESSION_TOKEN";

/// What is wrong with the settings.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A setting is missing.
    #[error("{variable} is not set; set it to {expected}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What is expected.
        expected: &'static str,
    },
    /// An option has an invalid value.
    #[error("{}: found {}, expected {}", variable(.0), found(.0), .0.expected)]
    Option(options::Invalid),
    /// A setting is not valid. Secrets are not repeated.
    #[error("{variable}: found {found}, expected {expected}")]
    Wrong {
        /// The variable.
        variable: &'static str,
        /// The value found, quoted, if it cannot be a secret.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
}

/// A bucket and the credentials for it. Secrets do not appear in `Debug`.
#[derive(Clone, Eq, PartialEq)]
pub struct S3Settings {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) prefix: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) single_writer: bool,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("prefix", &self.prefix)
            .field("path_style", &self.path_style)
            .field("single_writer", &self.single_writer)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    /// Reads the settings from the variables of [`S3Options`], `SUBSPACE_S3_BUCKET` and so on; empty ones count as
    /// unset.
    ///
    /// # Errors
    /// One sentence: which variable, what was found, what is expected.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let options = S3Options::read(&|name| {
            let variable = options::variable(&format!("{}{name}", S3Options::SECTION));
            get(&variable).filter(|value| !value.is_empty())
        });
        Self::new(options.map_err(SettingsError::Option)?)
    }

    /// Uses the options that are set.
    ///
    /// # Errors
    /// One sentence: which variable, what was found, what is expected.
    pub fn new(options: S3Options) -> Result<Self, SettingsError> {
        let required = |value: Option<String>, variable, expected| {
            value.ok_or(SettingsError::Missing { variable, expected })
        };
        let text = |secret: Secret| secret.0.trim().to_owned();
        let bucket = bucket(required(options.bucket, BUCKET, "the name of the bucket")?)?;
        let endpoint = options.endpoint.map(endpoint).transpose()?;
        let region = match options.region {
            Some(region) => word(REGION, region)?,
            None if endpoint.is_some() => "us-east-1".to_owned(),
            None => required(
                None,
                REGION,
                "the region of the bucket, such as eu-central-1",
            )?,
        };
        let access_key_id = required(
            options.access_key_id,
            ACCESS_KEY_ID,
            "the id of an access key",
        )?;
        let secret_access_key = required(
            options.secret_access_key.map(text),
            SECRET_ACCESS_KEY,
            "the secret of the access key",
        )?;
        Ok(Self {
            bucket,
            region,
            path_style: options.path_style.unwrap_or_else(|| endpoint.is_some()),
            endpoint,
            prefix: prefix(options.prefix.unwrap_or_default())?,
            access_key_id: word(ACCESS_KEY_ID, access_key_id)?,
            secret_access_key: secret(SECRET_ACCESS_KEY, secret_access_key)?,
            session_token: options
                .session_token
                .map(|token| secret(SESSION_TOKEN, text(token)))
                .transpose()?,
            single_writer: options.single_writer,
        })
    }

    /// Its location, for logs and errors; no secrets.
    #[must_use]
    pub fn describe(&self) -> String {
        let at = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("Amazon S3 in {}", self.region),
        };
        match self.prefix.as_str() {
            "" => format!("bucket \"{}\" at {at}", self.bucket),
            prefix => format!("bucket \"{}\" below {prefix}/ at {at}", self.bucket),
        }
    }

    /// Returns the endpoint's literal address, if it is not a name.
    #[must_use]
    pub fn endpoint_address(&self) -> Option<IpAddr> {
        match Url::parse(self.endpoint.as_deref()?).ok()?.host()? {
            url::Host::Ipv4(address) => Some(address.into()),
            url::Host::Ipv6(address) => Some(address.into()),
            url::Host::Domain(_) => None,
        }
    }

    /// Whether requests go over plain HTTP.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        endpoint
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
    }

    /// Whether no other process writes there.
    #[must_use]
    pub fn single_writer(&self) -> bool {
        self.single_writer
    }
}

/// The name of the variable that an option is read from.
fn variable(invalid: &options::Invalid) -> String {
    options::variable(&format!("{}{}", S3Options::SECTION, invalid.name))
}

fn found(invalid: &options::Invalid) -> String {
    let found = invalid.found.as_ref();
    found.map_or_else(
        || "something else".to_owned(),
        |found| format!("\"{found}\""),
    )
}

fn wrong(variable: &'static str, found: &str, expected: &'static str) -> SettingsError {
    SettingsError::Wrong {
        variable,
        found: match options::shown(found).as_str() {
            "…" => "something else".to_owned(),
            shown => format!("\"{shown}\""),
        },
        expected,
    }
}

fn bucket(name: String) -> Result<String, SettingsError> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if name.len() < 256 && name.bytes().all(allowed) && !name.starts_with(['.', '-']) {
        return Ok(name);
    }
    Err(wrong(
        BUCKET,
        &name,
        "the name of a bucket: letters, digits, - and .",
    ))
}

fn endpoint(text: String) -> Result<String, SettingsError> {
    let fits = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(&text) {
        Ok(url) if fits(&url) => Ok(text.trim_end_matches('/').to_owned()),
        // It may be invalid because it contains a password.
        _ => Err(SettingsError::Wrong {
            variable: ENDPOINT,
            found: "something else".to_owned(),
            expected: "an address like https://s3.example.org",
        }),
    }
}

fn prefix(text: String) -> Result<String, SettingsError> {
    let text = text.strip_suffix('/').unwrap_or(&text);
    let fits = text.is_empty()
        || (text.len() <= MAX_PREFIX_BYTES
            && keys::is_well_formed(text)
            && !text.chars().any(char::is_control));
    if !fits {
        let expected = "names joined by /, without a leading one, of at most 48 bytes";
        return Err(wrong(PREFIX, text, expected));
    }
    Ok(text.to_owned())
}

fn word(variable: &'static str, text: String) -> Result<String, SettingsError> {
    if text.len() <= 200 && text.bytes().all(|c| c.is_ascii_graphic() && c != b'/') {
        return Ok(text);
    }
    Err(wrong(
        variable,
        &text,
        "one word of ASCII characters without /",
    ))
}

fn secret(variable: &'static str, text: String) -> Result<String, SettingsError> {
    // A session token may have several thousand characters.
    if text.len() <= 16 * 1024 && text.bytes().all(|c| c.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(SettingsError::Wrong {
        variable,
        found: "blanks or characters that are not ASCII".to_owned(),
        expected: "the secret and nothing else",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH_STYLE: &str = "SUBSPACE_S3_PATH_STYLE";
    const SINGLE_WRITER: &str = "SUBSPACE_S3_SINGLE_WRITER";

    fn settings(changes: &[(&str, &str)]) -> Result<S3Settings, SettingsError> {
        S3Settings::from_variables(|name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name);
            changed.map(|(_, value)| (*value).to_owned()).or_else(|| {
                let value = match name {
                    BUCKET => "chat",
                    REGION => "eu-central-1",
                    ACCESS_KEY_ID => "AKID",
                    SECRET_ACCESS_KEY => "s/e+cret",
                    _ => return None,
                };
                Some(value.to_owned())
            })
        })
    }

    #[test]
    fn amazon_needs_little() {
        let all = settings(&[]).unwrap();
        assert!(!all.path_style && !all.single_writer && all.endpoint.is_none());
        assert_eq!(
            all.describe(),
            "bucket \"chat\" at Amazon S3 in eu-central-1"
        );
    }

    #[test]
    fn another_server_takes_the_bucket_in_the_path() {
        let all = settings(&[
            (ENDPOINT, "http://127.0.0.1:3900/"),
            (REGION, ""),
            (PREFIX, "team/space/"),
            (SINGLE_WRITER, "true"),
        ])
        .unwrap();
        assert!(all.path_style && all.single_writer());
        assert_eq!(all.region, "us-east-1");
        assert_eq!(
            all.describe(),
            "bucket \"chat\" below team/space/ at http://127.0.0.1:3900"
        );
        assert!(
            !settings(&[(ENDPOINT, "https://s3"), (PATH_STYLE, "false")])
                .unwrap()
                .path_style
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |variable, value| settings(&[(variable, value)]).unwrap_err().to_string();
        assert_eq!(
            said(BUCKET, ""),
            "SUBSPACE_S3_BUCKET is not set; set it to the name of the bucket"
        );
        assert!(said(BUCKET, "hunter 2").starts_with("SUBSPACE_S3_BUCKET: found something else, "));
        assert!(said(BUCKET, "1 2").starts_with("SUBSPACE_S3_BUCKET: found \"1 2\", expected"));
        assert!(said(REGION, "").contains("eu-central-1"));
        assert!(said(PREFIX, "/a").contains("without a leading one"));
        assert!(said(PREFIX, "a/../b").starts_with("SUBSPACE_S3_PREFIX: found"));
        assert!(said(PATH_STYLE, "yes").ends_with("found \"yes\", expected true or false"));
        for endpoint in [
            "s3.example.org",
            "https://user:word@s3.example.org",
            "ftp://x",
        ] {
            let said = said(ENDPOINT, endpoint);
            assert!(
                said.contains("https://s3.example.org") && !said.contains("word@"),
                "{said}"
            );
        }
    }

    #[test]
    fn secrets_stay_secret() {
        let all = settings(&[(SESSION_TOKEN, "t/oken")]).unwrap();
        let shown = format!("{all:?}{}", all.describe());
        assert!(
            !shown.contains("s/e+cret") && !shown.contains("t/oken"),
            "{shown}"
        );
        let said = settings(&[(SECRET_ACCESS_KEY, "two words")]).unwrap_err();
        assert!(!said.to_string().contains("two words"), "{said}");
    }
}
