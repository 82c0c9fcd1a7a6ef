//! `POST /connector/register`: a connector says where it is and what it can do.

use bytes::Bytes;
use protocol::{MailInfo, NetworkInfo, Registration};
use serde_json::Value;
use storage_adapter::ObjectStore;

use crate::connectors::Connectors;
use crate::kernel::config::Config;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::fields::{self, said};
use crate::kernel::host::Host;
use crate::kernel::platform::{Platform, is_description};
use crate::kernel::problem::Failure;
use crate::kernel::request::parse_json;

/// A registration that says nothing new is written down after so many milliseconds.
const SEEN_MS: i64 = 10 * 60 * 1000;
/// Platforms of one connector.
const MAX_PLATFORMS: usize = 16;
/// The longest text that describes a connector, in bytes.
const MAX_TEXT: usize = 64;

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Notes what a connector says about itself; returns whether that differs from before.
    pub(crate) async fn register(
        &self,
        connector: &Connector,
        body: &Bytes,
    ) -> Result<bool, Failure> {
        let mut told = checked(parse_json(body)?)?;
        may_be(connector, &told)?;
        let mut described = std::mem::take(&mut told.descriptors);
        self.wakes.begin(&connector.id);
        let registry = self.registry().await?;
        described.retain(|platform| registry.platform(said(platform, "id")).0 != *platform);
        if !described.is_empty() {
            self.edit_registry::<(), Failure>(|registry| {
                registry.describe(&described);
                Ok(())
            })
            .await?;
        }
        let now = self.kernel.now();
        let id = &connector.id;
        let Some(known) = registry.connectors.iter().find(|known| known.id == *id) else {
            // What the configuration says of a connector stays.
            return Ok(false);
        };
        let changed = known.registration != told;
        let recent =
            |seen: protocol::Timestamp| (0..SEEN_MS).contains(&(now.millis() - seen.millis()));
        if !changed && known.seen.is_some_and(recent) {
            return Ok(false);
        }
        self.edit_registry::<(), Failure>(|registry| {
            let known = registry.connectors.iter_mut().find(|known| known.id == *id);
            let known = known.ok_or_else(|| Failure::not_found("the connector was removed"))?;
            known.registration = told.clone();
            known.seen = Some(now);
            Ok(())
        })
        .await?;
        Ok(changed)
    }
}

/// A connector is what it was made as: browsers are sent to gateways only, accounts are connected to the network of an
/// IRC server, and mail goes through a mail connector.
fn may_be(connector: &Connector, told: &Registration) -> Result<(), Failure> {
    let claims = [
        (
            ConnectorKind::Gateway,
            "platforms",
            !told.platforms.is_empty(),
        ),
        (ConnectorKind::Ircd, "a network", told.network.is_some()),
        (ConnectorKind::Smtp, "mail", told.mail.is_some()),
    ];
    for (kind, what, claimed) in claims {
        if claimed && connector.kind != kind {
            return Err(Failure::forbidden(format!(
                "\"{}\" is a connector of kind {}; only those of kind {kind} register {what}",
                connector.id, connector.kind
            )));
        }
    }
    Ok(())
}

fn checked(told: Registration) -> Result<Registration, Failure> {
    let refused = |text: &str| Failure::unprocessable(text.to_owned());
    let url = told.url.map(|url| Config::parse_origin(&url)).transpose();
    let word = |text: &String| {
        (1..=MAX_TEXT).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if told.platforms.len() > MAX_PLATFORMS || !told.platforms.iter().all(word) {
        return Err(refused(
            "platforms must be at most 16 words of a-z, 0-9 and -",
        ));
    }
    if told.version.len() > MAX_TEXT || told.version.chars().any(char::is_control) {
        return Err(refused("version must be at most 64 bytes on one line"));
    }
    let serves = |platform: &Value| {
        let id = said(platform, "id");
        told.platforms.iter().any(|served| served == id) && is_description(platform)
    };
    if !told.descriptors.iter().all(serves) {
        return Err(refused(
            "descriptors must be of the connector's platforms, with a label and at most 64 fields, each with a name, \
             a kind and a label",
        ));
    }
    let network = told.network.map(|network| -> Result<_, Failure> {
        Ok(NetworkInfo {
            name: fields::text("name", &network.name)?,
            server: fields::server(&network.server)?,
            host: fields::host(&network.host)?,
            port: fields::port(network.port)?,
            secure: network.secure,
            channels: Platform::usual().channels(&network.channels)?,
        })
    });
    let mail = told.mail.map(|mail| -> Result<_, Failure> {
        Ok(MailInfo {
            domain: fields::server(&mail.domain)?.to_ascii_lowercase(),
            sends: mail.sends,
        })
    });
    Ok(Registration {
        mail: mail.transpose()?,
        url: url.map_err(|error| Failure::unprocessable(error.to_string()))?,
        platforms: told.platforms,
        descriptors: told.descriptors,
        version: told.version,
        network: network.transpose()?,
    })
}
