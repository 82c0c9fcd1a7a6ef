//! The platform's description of itself.

use std::sync::LazyLock;

use protocol::PlatformDescriptor;

/// The id of the platform.
pub(crate) const PLATFORM: &str = "irc";

/// IRC's description of itself.
pub(crate) static DESCRIPTOR: LazyLock<PlatformDescriptor> =
    LazyLock::new(PlatformDescriptor::default_platform);
