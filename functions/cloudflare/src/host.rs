//! Clock, randomness, waiting and requests to other servers on Workers.

use std::time::Duration;

use bytes::Bytes;
use functions_core::{FetchError, FetchLimits, Host};
use http::{Request, Response};
use js_sys::{Date, Function, Reflect, Uint8Array};
use protocol::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use worker::Delay;
use worker::send::SendFuture;

/// The most bytes per call of `getRandomValues`.
const MAX_RANDOM: usize = 65_536;

/// The isolate. Its clock stands still during computation, and advances with each I/O.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkersHost;

impl Host for WorkersHost {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> Result<Response<Bytes>, FetchError> {
        SendFuture::new(crate::fetch::fetch(request, limits)).await
    }

    fn tell_damaged(&self, sentence: &str) {
        worker::console_error!("{sentence}");
    }

    fn tell_store(&self, words: &str) {
        worker::console_error!("requests are failing because of the storage: {words}");
    }
}

impl storage_adapter::Host for WorkersHost {
    fn now(&self) -> Timestamp {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "milliseconds, far below what an i64 holds"
        )]
        Timestamp::from_millis(Date::now() as i64)
    }

    /// # Panics
    /// If there is no randomness: no secrets could be created then.
    fn random(&self, bytes: &mut [u8]) {
        for bytes in bytes.chunks_mut(MAX_RANDOM) {
            #[allow(
                clippy::expect_used,
                reason = "without randomness tokens could be guessed; stopping is right"
            )]
            fill(bytes).expect("Workers have crypto.getRandomValues");
        }
    }

    async fn sleep(&self, millis: u64) {
        SendFuture::new(Delay::from(Duration::from_millis(millis))).await;
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), JsValue> {
    let crypto = Reflect::get(&js_sys::global(), &JsValue::from_str("crypto"))?;
    let get: Function = Reflect::get(&crypto, &JsValue::from_str("getRandomValues"))?.dyn_into()?;
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let array = Uint8Array::new_with_length(length);
    get.call1(&crypto, &array)?;
    array.copy_to(bytes);
    Ok(())
}
