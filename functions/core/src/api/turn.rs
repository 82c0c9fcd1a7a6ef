//! `/api/turn`: what a browser shows to the TURN server.

use http::StatusCode;
use storage_adapter::ObjectStore;

use super::Call;
use crate::problem::Answer;
use crate::request::answer;
use crate::turn::TTL;
use crate::{Functions, Host};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// `GET /api/turn`.
    pub(super) fn get_turn(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let credentials = self.turn_credentials(held.account.as_str(), TTL)?;
        Ok(answer(StatusCode::OK, &credentials))
    }
}
