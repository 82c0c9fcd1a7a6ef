//! What connectors say of the platforms that they serve, and whose word counts.

use protocol::DEFAULT_PLATFORM;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Registered, Registry};
use crate::kernel::config::Connector;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;

/// The descriptors of all platforms together, in bytes of JSON.
const MAX_DESCRIBED: usize = 256 * 1024;

/// What one connector says of one platform. An entry from before these were kept by connector has neither; it goes with
/// the next change.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Described {
    #[serde(default)]
    connector: String,
    #[serde(default)]
    descriptor: Value,
}

/// The platforms that a connector serves; what the configuration says of one counts.
fn served<'a>(configured: &'a [Connector], made: &'a [Registered], id: &str) -> &'a [String] {
    let made = || made.iter().find(|c| c.id == id);
    match configured.iter().find(|c| c.id == id) {
        Some(configured) => &configured.platforms,
        None => made().map_or(&[], |c| &c.registration.platforms),
    }
}

impl Registry {
    /// Returns a platform by the description of the connector that keeps connections of it, which is a configured one if
    /// one serves it; one without fields if there is none.
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

    /// Returns whether exactly this is known from a connector.
    pub(crate) fn is_described(&self, connector: &str, descriptors: &[Value]) -> bool {
        let known = self.platforms.iter().filter(|k| k.connector == connector);
        known.map(|known| &known.descriptor).eq(descriptors)
    }

    /// Takes what a connector says of its platforms, instead of what it said before.
    ///
    /// # Errors
    /// If there is too much from all connectors together.
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

    /// Drops what is said of platforms by connectors that do not serve them any more.
    pub(super) fn drop_unserved(&mut self, configured: &[Connector]) {
        let connectors = &self.connectors;
        self.platforms.retain(|known| {
            let mut served = served(configured, connectors, &known.connector).iter();
            served.any(|platform| known.descriptor["id"] == *platform)
        });
    }
}
