//! `/api/addresses`: mail addresses of channels. Anyone who knows one can post there, so it cannot be guessed and can
//! be changed.

use http::StatusCode;
use protocol::{
    AccountName, Feature, Folding, MailAddress, MailAddressList, MailAddressOwner, MailAddressView,
    NewMailAddress, mail_local_part,
};
use sha2::{Digest, Sha256};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::identity::call::Call;
use crate::kernel::config::MailService;
use crate::kernel::fields;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::keys::is_id;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, empty, json};
use crate::mail::Mail;

/// The most addresses of one account.
const MAX_ADDRESSES: usize = 200;

/// The address that every mail server must have.
pub(crate) const POSTMASTER: &str = "postmaster";
/// The most accounts that are searched for the oldest admin.
const MAX_SEARCHED: usize = 1_000;

fn view(address: MailAddress, service: &MailService) -> MailAddressView {
    MailAddressView {
        id: address.id,
        address: format!("{}@{}", address.local, service.domain),
        connection: address.connection,
        channel: address.channel,
        created: address.created,
    }
}

fn missing() -> Failure {
    Failure::not_found("there is no such mail address; perhaps it was deleted")
}

impl<S: ObjectStore, H: Host> Mail<S, H> {
    async fn must_take_mail(&self) -> Result<MailService, Failure> {
        self.outgoing.mail_service().await?.ok_or_else(|| {
            Failure::conflict(
                "this installation accepts no mail; its operator can configure a mail domain",
            )
        })
    }

    /// `GET /api/addresses`.
    pub(crate) async fn get_addresses(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let Some(service) = self.outgoing.mail_service().await? else {
            let none = MailAddressList {
                domain: None,
                addresses: Vec::new(),
            };
            return Ok(answer(StatusCode::OK, &none));
        };
        let mut addresses = self.addresses(&held.account).await?;
        protocol::sort_by(&mut addresses, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        let views = addresses.into_iter().map(|address| view(address, &service));
        let list = MailAddressList {
            addresses: views.collect(),
            domain: Some(service.domain.clone()),
        };
        Ok(answer(StatusCode::OK, &list))
    }

    /// `POST /api/addresses`: creates an address, or returns the channel's existing one.
    pub(crate) async fn post_address(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let (held, record) = self.identity.session_account(call).await?;
        let wanted: NewMailAddress = json(body).await?;
        if wanted.postmaster && !record.admin {
            return Err(Failure::forbidden(
                "only an admin may choose where mail for the postmaster goes",
            ));
        }
        let (service, account) = (&self.must_take_mail().await?, &held.account);
        let connections = self.chat.connections(account).await?;
        let connection = connections.iter().find(|one| one.id == wanted.connection);
        let connection = connection.ok_or_else(|| {
            Failure::unprocessable(
                "connection is not one of yours; GET /api/connections lists them",
            )
        })?;
        let platform = self.connectors.platform(&connection.platform).await?;
        platform.must_support(Feature::Channels)?;
        let channel = platform.channel(&wanted.channel)?;
        let folding = platform.folding();
        // A channel's key is not part of its name.
        let channel = channel.split(' ').next().unwrap_or_default().to_owned();
        let addresses = self.addresses(account).await?;
        let same = |address: &&MailAddress| {
            address.connection == wanted.connection
                && fields::same_channel(&address.channel, &channel, folding)
        };
        if let Some(address) = addresses.iter().find(same) {
            if wanted.postmaster {
                self.choose_postmaster(account, address).await?;
            }
            return Ok(answer(StatusCode::OK, &view(address.clone(), service)));
        }
        let full = || {
            Failure::conflict(format!(
                "an account can have at most {MAX_ADDRESSES} mail addresses; delete one first"
            ))
        };
        if addresses.len() >= MAX_ADDRESSES {
            return Err(full());
        }
        let address = MailAddress {
            version: 1,
            // The same for the same channel, so that a concurrent request creates no second one.
            id: id_of(&wanted.connection, &channel, folding),
            local: mail_local_part(&channel, &self.kernel.random()),
            connection: wanted.connection,
            channel,
            created: self.kernel.now(),
        };
        // The owner is recorded first: an owner without an address has no effect.
        self.own(account, &address).await?;
        let (prefix, key) = (
            keys::mail_addresses(account),
            keys::mail_address(account, &address.id),
        );
        let added = self
            .kernel
            .add_within(&prefix, &key, &address, MAX_ADDRESSES);
        let added = added.await;
        if !matches!(added, Ok(true)) {
            let owner = keys::mail_owner(&address.local);
            self.kernel.storage().store().delete(&owner).await?;
        }
        match added {
            Ok(true) => {}
            Ok(false) => return Err(full()),
            Err(StoreError::Precondition) => {
                let (first, _) = self
                    .kernel
                    .load::<MailAddress>(&key)
                    .await?
                    .ok_or_else(missing)?;
                return Ok(answer(StatusCode::OK, &view(first, service)));
            }
            Err(error) => return Err(error.into()),
        }
        if wanted.postmaster {
            self.choose_postmaster(account, &address).await?;
        }
        Ok(answer(StatusCode::CREATED, &view(address, service)))
    }

    /// `POST /api/addresses/<id>`: creates another address for the same channel; the old address stops working.
    pub(crate) async fn rotate_address(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        let (service, account) = (&self.must_take_mail().await?, &held.account);
        let old = self.address(account, id).await?.ok_or_else(missing)?;
        let mut new = old.clone();
        new.local = mail_local_part(&old.channel, &self.kernel.random());
        self.own(account, &new).await?;
        let changed = self
            .kernel
            .edit::<MailAddress, bool>(&keys::mail_address(account, id), |address| {
                if address.local == old.local {
                    address.local.clone_from(&new.local);
                    Edit::Write(true)
                } else {
                    Edit::Keep(false)
                }
            })
            .await?;
        let (gone, result) = match changed {
            Some(true) => (
                &old.local,
                Ok(answer(StatusCode::OK, &view(new.clone(), service))),
            ),
            Some(false) => (
                &new.local,
                Err(Failure::conflict(
                    "the address was changed a moment ago; reload",
                )),
            ),
            None => (&new.local, Err(missing())),
        };
        self.kernel
            .storage()
            .store()
            .delete(&keys::mail_owner(gone))
            .await?;
        result
    }

    /// `DELETE /api/addresses/<id>`.
    pub(crate) async fn delete_address(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        let address = self.address(&held.account, id).await?.ok_or_else(missing)?;
        let key = keys::mail_address(&held.account, id);
        self.kernel.storage().store().delete(&key).await?;
        self.kernel
            .storage()
            .store()
            .delete(&keys::mail_owner(&address.local))
            .await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    async fn choose_postmaster(
        &self,
        account: &AccountName,
        address: &MailAddress,
    ) -> Result<(), StoreError> {
        let owner = MailAddressOwner {
            account: account.clone(),
            id: address.id.clone(),
        };
        let key = keys::mail_owner(POSTMASTER);
        self.kernel.storage().store().delete(&key).await?;
        match self.kernel.store(&key, &owner, PutMode::IfAbsent).await {
            // If two admins choose at the same time, either one wins.
            Ok(_) | Err(StoreError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn own(&self, account: &AccountName, address: &MailAddress) -> Result<(), StoreError> {
        let owner = MailAddressOwner {
            account: account.clone(),
            id: address.id.clone(),
        };
        let key = keys::mail_owner(&address.local);
        self.kernel
            .store(&key, &owner, PutMode::IfAbsent)
            .await
            .map(drop)
    }

    /// Mail for the postmaster, which every mail server must accept (RFC 5321, section 4.5.1), goes to the address that
    /// an admin chose, else to the first channel of the oldest admin, or of the oldest account if there is no admin.
    async fn postmaster(&self) -> Result<Option<(AccountName, MailAddress)>, StoreError> {
        let chosen = self
            .kernel
            .load::<MailAddressOwner>(&keys::mail_owner(POSTMASTER))
            .await?;
        if let Some((owner, _)) = chosen
            && !self.identity.is_closed(&owner.account).await?
            && let Some(address) = self.address(&owner.account, &owner.id).await?
        {
            let local = POSTMASTER.to_owned();
            return Ok(Some((owner.account, MailAddress { local, ..address })));
        }
        let closed = self.identity.closed_accounts().await?;
        let mut accounts = Vec::new();
        for name in self
            .identity
            .account_names()
            .await?
            .into_iter()
            .take(MAX_SEARCHED)
        {
            let found = match self.identity.account(&name).await {
                // The others continue.
                Err(error) if error.is_own() => continue,
                found => found?,
            };
            if let Some((record, _)) = found
                && !closed.contains(&name)
            {
                accounts.push((!record.admin, record.created, name));
            }
        }
        let Some((_, created, owner)) = accounts.into_iter().min() else {
            return Ok(None);
        };
        let mut connections = self.chat.connections(&owner).await?;
        protocol::sort_by(&mut connections, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        let place = connections.into_iter().find_map(|connection| {
            let channel = connection.channels.first()?;
            // A channel's key is not part of its name.
            let channel = channel.split(' ').next().unwrap_or_default().to_owned();
            Some((connection.id, channel))
        });
        Ok(place.map(|(connection, channel)| {
            let address = MailAddress {
                version: 1,
                id: POSTMASTER.to_owned(),
                local: POSTMASTER.to_owned(),
                connection,
                channel,
                created,
            };
            (owner, address)
        }))
    }

    async fn addresses(&self, account: &AccountName) -> Result<Vec<MailAddress>, StoreError> {
        self.kernel.load_all(&keys::mail_addresses(account)).await
    }

    async fn address(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<Option<MailAddress>, StoreError> {
        if !is_id(id) {
            return Ok(None);
        }
        let found = self.kernel.load(&keys::mail_address(account, id)).await?;
        Ok(found.map(|(address, _)| address))
    }

    /// Returns the owner of an address, if it exists.
    pub(crate) async fn find_address(
        &self,
        address: &str,
    ) -> Result<Option<(AccountName, MailAddress)>, StoreError> {
        let (Some(service), Some((local, domain))) = (
            self.outgoing.mail_service().await?,
            address.rsplit_once('@'),
        ) else {
            return Ok(None);
        };
        let local = local.to_ascii_lowercase();
        if !domain.eq_ignore_ascii_case(&service.domain) {
            return Ok(None);
        }
        if local == POSTMASTER {
            return self.postmaster().await;
        }
        if !protocol::is_mail_local_part(&local) {
            return Ok(None);
        }
        let owner = self
            .kernel
            .load::<MailAddressOwner>(&keys::mail_owner(&local))
            .await?;
        let Some((owner, _)) = owner else {
            return Ok(None);
        };
        if self.identity.is_closed(&owner.account).await? {
            return Ok(None);
        }
        let address = self.address(&owner.account, &owner.id).await?;
        Ok(address
            .filter(|address| address.local == local)
            .map(|address| (owner.account, address)))
    }
}
/// The id of the address of a channel.
fn id_of(connection: &str, channel: &str, folding: Folding) -> String {
    let name = folding.fold(channel);
    let digest = Sha256::digest(format!("{connection} {name}"));
    protocol::hex(&digest[..8])
}
