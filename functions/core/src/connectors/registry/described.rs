//! Connectors' descriptions of the platforms that they serve, and which description counts.

use protocol::DEFAULT_PLATFORM;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Registered, Registry};
use crate::kernel::config::Connector;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;

/// The limit for the descriptors of all platforms together, in bytes of JSON.
const MAX_DESCRIBED: usize = 256 * 1024;

/// One connector's description of one platform. Entries from before these were kept by connector lack both fields; the
/// next change drops them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Described {
    #[serde(default)]
    connector: String,
    #[serde(default)]
    descriptor: Value,
}

/// The platforms that a connector serves; the configuration takes precedence.
fn served<'a>(configured: &'a [Connector], made: &'a [Registered], id: &str) -> &'a [String] {
    let made = || made.iter().find(|c| c.id == id);
    match configured.iter().find(|c| c.id == id) {
        Some(configured) => &configured.platforms,
        None => made().map_or(&[], |c| &c.registration.platforms),
    }
}

impl Registry {
    /// Returns a platform as described by its connector, a configured one if one serves it; a platform without fields
    /// if nobody describes it.
    pub(crate) fn platform(&self, id: &str, configured: &[Connector]) -> Platform {
        let ids = configured.iter().map(|c| &c.id);
        let mut ids = ids.chain(self.connectors.iter().map(|c| &c.id));
        let serves = |connector: &&String| {
            let mut served = served(configured, &self.connectors, connector).iter();
            served.any(|platform| platform == id)
        };
        let keeper = ids.find(serves);
        let known = self
            .platforms
            .iter()
            .find(|known| Some(&known.connector) == keeper && known.descriptor["id"] == id);
        match known {
            Some(known) => Platform(known.descriptor.clone()),
            None if id == DEFAULT_PLATFORM => Platform::usual(),
            None => Platform(Value::Null),
        }
    }

    /// Returns whether a connector has described exactly this.
    pub(crate) fn is_described(&self, connector: &str, descriptors: &[Value]) -> bool {
        let known = self.platforms.iter().filter(|k| k.connector == connector);
        known.map(|known| &known.descriptor).eq(descriptors)
    }

    /// Replaces a connector's descriptions of its platforms.
    ///
    /// # Errors
    /// If all connectors' descriptions together are too large.
    pub(crate) fn describe(
        &mut self,
        connector: &str,
        descriptors: &[Value],
        configured: &[Connector],
    ) -> Result<(), Failure> {
        self.platforms.retain(|known| known.connector != connector);
        self.drop_unserved(configured);
        let described = descriptors.iter().map(|descriptor| Described {
            connector: connector.to_owned(),
            descriptor: descriptor.clone(),
        });
        self.platforms.extend(described);
        let sizes = self
            .platforms
            .iter()
            .map(|k| k.descriptor.to_string().len());
        if sizes.sum::<usize>() > MAX_DESCRIBED {
            return Err(Failure::conflict(format!(
                "the descriptors of all platforms have more than {MAX_DESCRIBED} bytes together; shorten them or delete \
                 a connector"
            )));
        }
        Ok(())
    }

    /// Drops descriptions of platforms by connectors that no longer serve them.
    pub(super) fn drop_unserved(&mut self, configured: &[Connector]) {
        let connectors = &self.connectors;
        self.platforms.retain(|known| {
            let mut served = served(configured, connectors, &known.connector).iter();
            served.any(|platform| known.descriptor["id"] == *platform)
        });
    }
}
