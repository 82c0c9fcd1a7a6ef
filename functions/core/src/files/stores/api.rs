//! `/api/store`: where the documents of the session's account are stored.

use http::StatusCode;
use protocol::{MoveView, NewBucket, NewPlace, PlaceView, StoreTested, StoreView};
use storage_adapter::ObjectStore;

use super::record::{StoreLocation, StoreRecord};
use crate::files::Files;
use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, json};

/// How long one request continues a move, in milliseconds.
const STEP_MS: u64 = 5_000;

impl From<StoreLocation> for PlaceView {
    fn from(place: StoreLocation) -> Self {
        match place {
            StoreLocation::Installation => Self::Installation,
            StoreLocation::Bucket(bucket) => Self::Bucket {
                endpoint: bucket.endpoint,
                region: bucket.region,
                bucket: bucket.bucket,
                prefix: bucket.prefix,
                path_style: bucket.path_style,
                access_key_id: bucket.access_key_id,
            },
        }
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// `GET /api/store`.
    pub(crate) async fn get_store(&self, call: &Call<'_>) -> Answer {
        self.store_view(&call.session()?.account).await
    }

    /// `PUT /api/store`: starts a move, or replaces the credentials.
    pub(crate) async fn put_store(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let account = &call.session()?.account;
        let to: NewPlace = json(body).await?;
        self.begin_move(account, to.into()).await?;
        self.store_view(account).await
    }

    /// `POST /api/store/move`.
    pub(crate) async fn continue_move(&self, call: &Call<'_>) -> Answer {
        let account = &call.session()?.account;
        self.move_on(account, Some(STEP_MS)).await?;
        self.store_view(account).await
    }

    /// `DELETE /api/store/move`.
    pub(crate) async fn give_up_move(&self, call: &Call<'_>) -> Answer {
        let account = &call.session()?.account;
        self.cancel_move(account).await?;
        self.store_view(account).await
    }

    /// `DELETE /api/store/left`.
    pub(crate) async fn delete_left(&self, call: &Call<'_>) -> Answer {
        let account = &call.session()?.account;
        self.remove_left(account).await?;
        self.store_view(account).await
    }

    /// `POST /api/store/test`: writes, writes conditionally, reads, lists and deletes a small object there.
    pub(crate) async fn test_store(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let named: NewBucket = json(body).await?;
        let settings = self.known_secret(&held.account, named.into()).await?;
        let settings = settings.check().map_err(Failure::unprocessable)?;
        let tested = match self
            .kernel
            .storage()
            .host()
            .open_bucket(&settings, None)
            .await
        {
            Ok(_) => StoreTested {
                works: true,
                detail: format!(
                    "{} can be written, read, listed and deleted, and supports conditional writes",
                    settings.describe()
                ),
            },
            Err(error) => StoreTested {
                works: false,
                detail: error.to_string(),
            },
        };
        Ok(answer(StatusCode::OK, &tested))
    }

    async fn store_view(&self, account: &protocol::AccountName) -> Answer {
        let known = self.places.known(account, true).await?;
        let StoreRecord {
            place,
            moving,
            left,
            ..
        } = known.record.clone();
        let view = StoreView {
            place: place.into(),
            moving: moving.map(|moving| MoveView {
                to: moving.to.into(),
                phase: moving.phase,
                objects: moving.objects,
                bytes: moving.bytes,
                started: moving.started,
            }),
            left: left.into_iter().map(Into::into).collect(),
            available: self.kernel.storage().host().opens_buckets(),
        };
        Ok(answer(StatusCode::OK, &view))
    }
}
