//! The target of a move: its fields are checked, and the bucket is tested.

use protocol::AccountName;
use storage_adapter::ObjectStore;

use super::{MoveError, Raw};
use crate::files::Files;
use crate::files::stores::NewStoreLocation;
use crate::files::stores::record::{Bucket, StoreLocation, StoreRecord};
use crate::kernel::bucket::BucketSettings;
use crate::kernel::host::Host;

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Checks a new location, and tests it.
    pub(super) async fn new_place(
        &self,
        account: &AccountName,
        to: NewStoreLocation,
        record: &StoreRecord,
    ) -> Result<StoreLocation, MoveError> {
        let settings = match to {
            NewStoreLocation::Installation => return Ok(StoreLocation::Installation),
            NewStoreLocation::Bucket(settings) => settings,
        };
        let settings = self.fill_secret(account, settings, record)?;
        let settings = settings.check().map_err(MoveError::Refused)?;
        let opened = self
            .kernel
            .storage()
            .host()
            .open_bucket(&settings, None)
            .await?;
        let id = self.mark();
        let secret = self
            .kernel
            .keys()
            .seal(
                account,
                &id,
                &settings.secret_access_key,
                self.kernel.random(),
            )
            .map_err(|error| MoveError::Refused(error.to_string()))?;
        Ok(StoreLocation::Bucket(Bucket {
            id,
            region: settings.region.unwrap_or_default(),
            path_style: settings.path_style.unwrap_or_default(),
            endpoint: settings.endpoint,
            bucket: settings.bucket,
            prefix: settings.prefix,
            access_key_id: settings.access_key_id,
            secret,
            parts: opened.parts,
            trusted: settings.trusted,
        }))
    }

    /// If no secret is given, fills in the known one for the same key on the same server.
    fn fill_secret(
        &self,
        account: &AccountName,
        mut settings: BucketSettings,
        record: &StoreRecord,
    ) -> Result<BucketSettings, MoveError> {
        let endpoint = settings
            .endpoint
            .as_deref()
            .map(|text| text.trim().trim_end_matches('/'));
        if settings.secret_access_key.trim().is_empty()
            && let StoreLocation::Bucket(known) = &record.place
            && known.access_key_id == settings.access_key_id.trim()
            // A secret is only sent to the server for which its owner gave it.
            && known.endpoint.as_deref() == endpoint.filter(|text| !text.is_empty())
        {
            let secret = self.kernel.keys().open(account, &known.id, &known.secret);
            settings.secret_access_key =
                secret.map_err(|error| MoveError::Refused(error.to_string()))?;
        }
        Ok(settings)
    }

    /// The same, with the record as it is.
    pub(in crate::files::stores) async fn known_secret(
        &self,
        account: &AccountName,
        settings: BucketSettings,
    ) -> Result<BucketSettings, MoveError> {
        let known = self.places.known(account, true).await?;
        self.fill_secret(account, settings, &known.record)
    }

    /// The installation's store accepts no more than the quota.
    pub(super) async fn check_room(
        &self,
        account: &AccountName,
        from: &Raw<H>,
        to: &StoreLocation,
    ) -> Result<(), MoveError> {
        if *to != StoreLocation::Installation {
            return Ok(());
        }
        let record = self.identity.account(account).await?;
        let quota = record
            .and_then(|(record, _)| record.quota)
            .or_else(|| self.kernel.config().default_quota)
            .filter(|bytes| *bytes > 0);
        let used = from.used_bytes(account).await?;
        match quota {
            Some(quota) if used > quota => Err(MoveError::Refused(format!(
                "the account holds {used} bytes and may hold {quota} in the installation's store; delete something first"
            ))),
            _ => Ok(()),
        }
    }
}
