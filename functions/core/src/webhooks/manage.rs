//! `/api/hooks`: an account's hooks. Tokens and secrets are shown once, when they are created.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use protocol::{
    AccountName, BearerToken, Connection, HookChanges, HookDelivery, HookList, HookOptions,
    HookOutcome, HookSource, HookView, NewHook,
};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use super::{Delivery, Hook, fields, key};
use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::keys::is_id;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, empty, json};
use crate::webhooks::Webhooks;
use protocol::hex;

impl From<Hook> for HookView {
    fn from(hook: Hook) -> Self {
        Self {
            id: hook.id,
            source: hook.source,
            name: hook.name,
            connection: hook.connection,
            channel: hook.channel,
            enabled: hook.enabled,
            created: hook.created,
            has_secret: hook.secret.is_some(),
            options: hook.options,
            url: None,
            secret: None,
            deliveries: None,
        }
    }
}

fn missing() -> Failure {
    Failure::not_found("there is no such hook; perhaps it was deleted")
}

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// `GET /api/hooks`.
    pub(crate) async fn get_hooks(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let mut hooks = Vec::new();
        for name in self.kernel.list_keys(&key::hooks(&held.account)).await? {
            match self.kernel.load::<Hook>(&name).await {
                Ok(found) => hooks.extend(found.map(|(hook, _)| hook)),
                // A damaged one does not hide the others.
                Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        protocol::sort_by(&mut hooks, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        let hooks = hooks.into_iter().map(Into::into).collect();
        Ok(answer(StatusCode::OK, &HookList { hooks }))
    }

    /// `POST /api/hooks`.
    pub(crate) async fn post_hook(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let account = &held.account;
        let wanted: NewHook = json(body).await?;
        let options = fields::options(HookOptions {
            filter: wanted.filter,
            quiet_hours: wanted.quiet_hours,
            mention_everybody: wanted.mention_everybody,
            notice: wanted.notice,
            template: wanted.template,
        })?;
        let name = fields::name(wanted.name.as_deref(), wanted.source)?;
        let (secret, shown) = match wanted.secret {
            Some(None) => (None, false),
            Some(Some(secret)) => (Some(fields::secret(&secret)?), false),
            None if hooks::source::signs_with_our_secret(wanted.source) => {
                (Some(self.new_secret()), true)
            }
            None => (None, false),
        };
        let known = is_id(&wanted.connection);
        let connection = keys::connection(account, &wanted.connection);
        let found = match known {
            true => self.kernel.load::<Connection>(&connection).await?,
            false => None,
        };
        let Some((found, _)) = found else {
            return Err(Failure::unprocessable(
                "connection is not valid: expected the id of one of your connections",
            ));
        };
        let platform = self.connectors.platform(&found.platform).await?;
        let channel = fields::channel(&platform, &wanted.channel)?;
        let token = BearerToken::new(account.clone(), &self.kernel.random());
        self.claim_hook(account, &token.id).await?;
        let hook = Hook {
            version: 1,
            id: token.id.clone(),
            secret_hash: token.secret_hash(),
            source: wanted.source,
            name,
            connection: wanted.connection,
            channel,
            enabled: true,
            created: self.kernel.now(),
            secret: match &secret {
                Some(secret) => Some(self.seal_hook(account, &token.id, secret)?),
                None => None,
            },
            options,
        };
        let name = key::hook(account, &hook.id);
        self.kernel.store(&name, &hook, PutMode::IfAbsent).await?;
        let url = self.hook_url(&token, hook.source);
        let mut view = HookView::from(hook);
        view.url = Some(url);
        view.secret = secret.filter(|_| shown);
        Ok(answer(StatusCode::CREATED, &view))
    }

    /// `GET /api/hooks/<id>`.
    pub(crate) async fn get_hook(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        let hook = self.hook(&held.account, id).await?;
        let deliveries = self.recent_deliveries(&held.account, id).await?;
        let mut view = HookView::from(hook);
        view.deliveries = Some(deliveries);
        Ok(answer(StatusCode::OK, &view))
    }

    /// `PATCH /api/hooks/<id>`.
    pub(crate) async fn patch_hook(&self, call: &Call<'_>, id: &str, body: Incoming) -> Answer {
        let held = call.session()?;
        let account = &held.account;
        let changes: HookChanges = json(body).await?;
        let before = self.hook(account, id).await?;
        // Validated once to report errors, then applied to whatever is current.
        let name = match &changes.name {
            Some(name) => Some(fields::name(Some(name), before.source)?),
            None => None,
        };
        let channel = match &changes.channel {
            Some(channel) => {
                let key = keys::connection(account, &before.connection);
                let found = self.kernel.load::<Connection>(&key).await?;
                // Without its connection the hook does nothing, whatever its channel.
                let platform = found.map_or_else(String::new, |(found, _)| found.platform);
                Some(fields::channel(
                    &self.connectors.platform(&platform).await?,
                    channel,
                )?)
            }
            None => None,
        };
        let secret = match &changes.secret {
            Some(Some(secret)) => Some(Some(self.seal_hook(
                account,
                id,
                &fields::secret(secret)?,
            )?)),
            Some(None) => Some(None),
            None => None,
        };
        fields::options(with(before.options, &changes))?;
        let change = |hook: &mut Hook| {
            if let Some(name) = &name {
                hook.name.clone_from(name);
            }
            if let Some(channel) = &channel {
                hook.channel.clone_from(channel);
            }
            if let Some(secret) = &secret {
                hook.secret.clone_from(secret);
            }
            hook.enabled = changes.enabled.unwrap_or(hook.enabled);
            hook.options = with(std::mem::take(&mut hook.options), &changes);
            Edit::Write(hook.clone())
        };
        let hook = self
            .kernel
            .edit::<Hook, Hook>(&key::hook(account, id), change)
            .await?;
        let hook = hook.ok_or_else(missing)?;
        Ok(answer(StatusCode::OK, &HookView::from(hook)))
    }

    /// `DELETE /api/hooks/<id>`.
    pub(crate) async fn delete_hook(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        self.hook(&held.account, id).await?;
        let name = key::hook(&held.account, id);
        self.kernel.storage().store().delete(&name).await?;
        // Anything left over expires, or is swept.
        let _for_a_minute = self.release_hook(&held.account, id).await;
        let _swept_later = self.forget_deliveries(&held.account, id).await;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// `POST /api/hooks/<id>/token`: creates another address; the old one stops working at once.
    pub(crate) async fn renew_token(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        self.hook(&held.account, id).await?;
        let mut random: [u8; BearerToken::RANDOM_BYTES] = self.kernel.random();
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(id)
            && let Some(start) = random.get_mut(..bytes.len())
        {
            start.copy_from_slice(&bytes);
        }
        let token = BearerToken::new(held.account.clone(), &random);
        if token.id != id {
            return Err(missing());
        }
        let hash = token.secret_hash();
        let name = key::hook(&held.account, id);
        let change = |hook: &mut Hook| {
            hook.secret_hash.clone_from(&hash);
            Edit::Write(hook.clone())
        };
        let hook = self.kernel.edit::<Hook, Hook>(&name, change).await?;
        let hook = hook.ok_or_else(missing)?;
        let url = self.hook_url(&token, hook.source);
        let mut view = HookView::from(hook);
        view.url = Some(url);
        Ok(answer(StatusCode::OK, &view))
    }

    /// `POST /api/hooks/<id>/secret`: generates another secret.
    pub(crate) async fn renew_secret(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        self.hook(&held.account, id).await?;
        let secret = self.new_secret();
        let sealed = self.seal_hook(&held.account, id, &secret)?;
        let name = key::hook(&held.account, id);
        let change = |hook: &mut Hook| {
            hook.secret = Some(sealed.clone());
            Edit::Write(hook.clone())
        };
        let hook = self.kernel.edit::<Hook, Hook>(&name, change).await?;
        let mut view = HookView::from(hook.ok_or_else(missing)?);
        view.secret = Some(secret);
        Ok(answer(StatusCode::OK, &view))
    }

    /// `POST /api/hooks/<id>/deliveries/<delivery>/again`: announces the same lines again.
    pub(crate) async fn deliver_again(&self, call: &Call<'_>, id: &str, delivery: &str) -> Answer {
        let held = call.session()?;
        let account = &held.account;
        let hook = self.hook(account, id).await?;
        let gone = || Failure::not_found("there is no such delivery, or it has expired");
        if !is_id(delivery) {
            return Err(gone());
        }
        let name = key::delivery(account, id, delivery);
        let (before, _) = self
            .kernel
            .load::<Delivery>(&name)
            .await?
            .ok_or_else(gone)?;
        let Some(mut say) = before.say else {
            return Err(Failure::conflict("this delivery has no lines to announce"));
        };
        let new = hex(&self.kernel.random::<16>());
        say.source = Some(format!("hooks/{id}/{new}"));
        say.connection.clone_from(&hook.connection);
        say.target.clone_from(&hook.channel);
        say.notice = hook.options.notice;
        let again = Delivery {
            version: 1,
            id: new,
            time: self.kernel.now(),
            event: before.event,
            say: Some(say),
            task: Some(self.task_of(account, &hook).await?),
            outcome: HookOutcome::Queued,
            again: Some(before.id),
        };
        self.take_delivery(account, &hook, &again).await?;
        Ok(answer(StatusCode::CREATED, &HookDelivery::from(again)))
    }

    async fn hook(&self, account: &AccountName, id: &str) -> Result<Hook, Failure> {
        if !is_id(id) {
            return Err(missing());
        }
        let found = self.kernel.load::<Hook>(&key::hook(account, id)).await?;
        found.map(|(hook, _)| hook).ok_or_else(missing)
    }

    /// Deletes the deliveries of a hook.
    pub(super) async fn forget_deliveries(
        &self,
        account: &AccountName,
        hook: &str,
    ) -> Result<(), StoreError> {
        for prefix in [
            key::recent(account, hook),
            key::deliveries(account, hook),
            key::rates(account, hook),
        ] {
            for name in self.kernel.list_keys(&prefix).await? {
                self.kernel.storage().store().delete(&name).await?;
            }
        }
        Ok(())
    }

    fn hook_url(&self, token: &BearerToken, source: HookSource) -> String {
        let name = serde_json::to_value(source).unwrap_or_default();
        let name = name.as_str().unwrap_or_default();
        format!("{}/hooks/{token}/{name}", self.kernel.config().origin)
    }

    fn new_secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.kernel.random::<24>())
    }

    fn seal_hook(
        &self,
        account: &AccountName,
        hook: &str,
        secret: &str,
    ) -> Result<String, Failure> {
        self.kernel
            .keys()
            .seal(
                account,
                &format!("hook/{hook}"),
                secret,
                self.kernel.random(),
            )
            .map_err(|_| Failure::unprocessable("the secret could not be encrypted"))
    }
}

fn with(mut options: HookOptions, changes: &HookChanges) -> HookOptions {
    if let Some(filter) = &changes.filter {
        options.filter.clone_from(filter);
    }
    if let Some(hours) = &changes.quiet_hours {
        options.quiet_hours.clone_from(hours);
    }
    if let Some(template) = &changes.template {
        let template = template.clone();
        options.template = template.filter(|text| !text.trim().is_empty());
    }
    options.mention_everybody = changes
        .mention_everybody
        .unwrap_or(options.mention_everybody);
    options.notice = changes.notice.unwrap_or(options.notice);
    options
}
