//! `POST /connector/register`: a connector announces its address and capabilities.

use bytes::Bytes;
use protocol::{MailInfo, NetworkInfo, Registration};
use storage_adapter::ObjectStore;

use crate::connectors::Connectors;
use crate::kernel::config::Config;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::descriptor::check_descriptor;
use crate::kernel::fields::{self, said};
use crate::kernel::host::Host;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;
use crate::kernel::request::parse_json;

/// An unchanged registration is written again after this many milliseconds.
const SEEN_MS: i64 = 10 * 60 * 1000;
/// The most platforms of one connector.
const MAX_PLATFORMS: usize = 8;
/// The longest text that describes a connector, in bytes.
const MAX_TEXT: usize = 64;

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Stores a connector's registration; returns whether it differs from the previous one.
    pub(crate) async fn register(
        &self,
        connector: &Connector,
        body: &Bytes,
    ) -> Result<bool, Failure> {
        let mut told = checked(parse_json(body)?)?;
        may_be(connector, &told)?;
        self.wakes.begin(&connector.id);
        let id = &connector.id;
        let configured = &self.kernel.config().connectors;
        let is_configured = configured.iter().any(|one| one.id == *id);
        let served = if is_configured {
            // What the configuration states about a connector takes precedence.
            &connector.platforms
        } else {
            &told.platforms
        };
        let mut described = std::mem::take(&mut told.descriptors);
        let usual = Platform::usual().0;
        described
            .retain(|one| *one != usual && served.iter().any(|platform| one["id"] == *platform));
        let registry = self.registry().await?;
        if is_configured && registry.damaged.is_some() {
            // It keeps running; its registration is stored once the record can be written again.
            return Ok(false);
        }
        let now = self.kernel.now();
        let known = registry.connectors.iter().find(|known| known.id == *id);
        let known = known.filter(|_| !is_configured);
        let changed = known.is_some_and(|known| known.registration != told);
        let recent =
            |seen: protocol::Timestamp| (0..SEEN_MS).contains(&(now.millis() - seen.millis()));
        let noted = known.is_none_or(|known| known.seen.is_some_and(recent));
        if !changed && noted && registry.is_described(id, &described) {
            return Ok(false);
        }
        self.edit_registry(|registry| {
            if !is_configured {
                let known = registry.connectors.iter_mut().find(|known| known.id == *id);
                let known = known.ok_or_else(|| Failure::not_found("the connector was removed"))?;
                known.registration = told.clone();
                known.seen = Some(now);
            }
            registry.describe(id, &described, configured)
        })
        .await?;
        Ok(changed)
    }
}

/// A connector cannot change its role: browsers are sent only to gateways, accounts are connected to the network of an
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
        return Err(Failure::unprocessable(format!(
            "platforms must be at most {MAX_PLATFORMS} words of a-z, 0-9 and -"
        )));
    }
    if told.version.len() > MAX_TEXT || told.version.chars().any(char::is_control) {
        return Err(refused("version must be at most 64 bytes on one line"));
    }
    for (at, descriptor) in told.descriptors.iter().enumerate() {
        let id = said(descriptor, "id");
        let again = told
            .descriptors
            .iter()
            .take(at)
            .any(|other| said(other, "id") == id);
        if again || !told.platforms.iter().any(|served| served == id) {
            return Err(refused(
                "descriptors must be of the connector's platforms, one of each",
            ));
        }
        check_descriptor(descriptor)?;
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
