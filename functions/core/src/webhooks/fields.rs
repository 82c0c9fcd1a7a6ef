//! Validates the fields of a hook.

use hooks::{Template, filter, signature};
use protocol::{Feature, HookOptions, HookSource};

use super::clock;
use crate::kernel::fields;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;

/// The longest secret in bytes.
const MAX_SECRET: usize = 200;
/// The shortest secret in bytes.
const MIN_SECRET: usize = 8;

/// Checks the name; without one it is the source's.
pub(super) fn name(text: Option<&str>, source: HookSource) -> Result<String, Failure> {
    match text.map(str::trim) {
        None | Some("") => Ok(hooks::source::nick(source).to_owned()),
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

/// Checks the options.
pub(super) fn options(mut options: HookOptions) -> Result<HookOptions, Failure> {
    let checked = filter::check(&options.filter);
    checked.map_err(|error| Failure::unprocessable(format!("filter is not valid: {error}")))?;
    if let Some(hours) = &options.quiet_hours {
        clock::check(hours).map_err(Failure::unprocessable)?;
    }
    options.template = options.template.filter(|text| !text.trim().is_empty());
    if let Some(template) = &options.template {
        let parsed = template.parse::<Template>();
        parsed.map_err(|error| Failure::unprocessable(error.to_string()))?;
    }
    Ok(options)
}
