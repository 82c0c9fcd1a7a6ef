//! `/api/turn`: a browser's credentials for the TURN server.

use http::StatusCode;
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::chat::turn::Relayed;
use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::problem::Answer;
use crate::kernel::request::answer;

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `GET /api/turn`.
    pub(crate) fn get_turn(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let credentials = self.turn_credentials(Relayed::Member(held.account.as_str()))?;
        Ok(answer(StatusCode::OK, &credentials))
    }
}
