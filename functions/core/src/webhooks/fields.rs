//! Validates the fields of a hook.

use hooks::{Source, Template, signature};
use protocol::Feature;
use serde::{Deserialize, Deserializer};

use super::{Options, QuietHours};
use crate::kernel::fields;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;

/// The longest secret in bytes.
const MAX_SECRET: usize = 200;
/// The shortest secret in bytes.
const MIN_SECRET: usize = 8;

/// The body of `POST /api/hooks`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHook {
    pub(super) source: Source,
    pub(super) connection: String,
    pub(super) channel: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Absent: generated if the service supports one; `null`: no secret.
    #[serde(default, deserialize_with = "present")]
    pub(super) secret: Option<Option<String>>,
    #[serde(default)]
    pub(super) filter: hooks::Filter,
    #[serde(default)]
    pub(super) quiet_hours: Option<QuietHours>,
    #[serde(default)]
    pub(super) mention_everybody: bool,
    #[serde(default)]
    pub(super) notice: bool,
    #[serde(default)]
    pub(super) template: Option<String>,
}

/// The body of PATCH: absent fields are unchanged; `null` removes an optional one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Changes {
    pub(super) name: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "present")]
    pub(super) secret: Option<Option<String>>,
    pub(super) filter: Option<hooks::Filter>,
    #[serde(deserialize_with = "present")]
    pub(super) quiet_hours: Option<Option<QuietHours>>,
    pub(super) mention_everybody: Option<bool>,
    pub(super) notice: Option<bool>,
    #[serde(deserialize_with = "present")]
    pub(super) template: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// Validates the name; defaults to the source's.
pub(super) fn name(text: Option<&str>, source: Source) -> Result<String, Failure> {
    match text.map(str::trim) {
        None | Some("") => Ok(source.nick().to_owned()),
        Some(text) => Ok(fields::text("name", text)?),
    }
}

/// Validates a channel; it has no key here, since the connection is in it already.
pub(super) fn channel(platform: &Platform, text: &str) -> Result<String, Failure> {
    platform.must_support(Feature::Channels)?;
    let channel = platform.channel(text)?;
    if channel.contains(' ') {
        return Err(Failure::unprocessable(
            "channel is not valid: expected its name alone, without a key",
        ));
    }
    Ok(channel)
}

/// Validates a secret; it is never shown, not even in the error.
pub(super) fn secret(text: &str) -> Result<String, Failure> {
    let fits = (MIN_SECRET..=MAX_SECRET).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        return Err(Failure::unprocessable(format!(
            "secret is not valid: expected {MIN_SECRET} to {MAX_SECRET} ASCII characters without spaces"
        )));
    }
    signature::check_secret(text).map_err(|error| Failure::unprocessable(error.to_string()))?;
    Ok(text.to_owned())
}

/// Validates the options.
pub(super) fn options(mut options: Options) -> Result<Options, Failure> {
    let checked = options.filter.check();
    checked.map_err(|error| Failure::unprocessable(format!("filter is not valid: {error}")))?;
    if let Some(hours) = &options.quiet_hours {
        hours.check().map_err(Failure::unprocessable)?;
    }
    options.template = options.template.filter(|text| !text.trim().is_empty());
    if let Some(template) = &options.template {
        let parsed = template.parse::<Template>();
        parsed.map_err(|error| Failure::unprocessable(error.to_string()))?;
    }
    Ok(options)
}
