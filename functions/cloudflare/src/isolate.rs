//! The handlers, which an isolate creates once and keeps.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use functions_core::Functions;
use functions_core::variables::Variables;
use storage_adapter::{Options, Storage, Waiting};
use storage_r2::R2Store;
use worker::Env;

use crate::WorkersHost;

/// The name of the bucket's binding.
const BUCKET: &str = "BUCKET";
/// Heads cached in memory, in bytes of their objects: an isolate has 128 MB for everything.
const CACHE: usize = 12 << 20;
/// The most origins for which handlers are kept: a Worker without a configured origin has one on each of its names.
const MAX_ORIGINS: usize = 8;
/// Used as the origin when there is no request: in a scheduled run of a Worker without a configured one.
pub(crate) const NO_ORIGIN: &str = "https://subspace.invalid";

type Handlers = Rc<Functions<R2Store, WorkersHost>>;

thread_local! {
    static HANDLERS: RefCell<Vec<(String, Handlers)>> = const { RefCell::new(Vec::new()) };
}

/// Returns the handlers, created if this isolate has none for that origin.
///
/// # Errors
/// One sentence: what is wrong with the configuration.
pub(crate) fn functions(env: &Env, origin: &str) -> Result<Handlers, String> {
    HANDLERS.with_borrow_mut(|kept| {
        if let Some((_, handlers)) = kept.iter().find(|(of, _)| of == origin) {
            return Ok(Rc::clone(handlers));
        }
        let handlers = Rc::new(make(env, origin)?);
        if kept.len() >= MAX_ORIGINS {
            kept.clear();
        }
        kept.push((origin.to_owned(), Rc::clone(&handlers)));
        Ok(handlers)
    })
}

fn make(env: &Env, origin: &str) -> Result<Functions<R2Store, WorkersHost>, String> {
    let variable = |name: &str| {
        let value = env.var(name).ok().map(|value| value.to_string());
        let value = value.filter(|value| !value.trim().is_empty());
        // The address is not yet known at the first deployment.
        value.or_else(|| (name == "SUBSPACE_ORIGIN").then(|| origin.to_owned()))
    };
    let mut variables = Variables::read(&variable).map_err(|error| error.to_string())?;
    // Isolates are short-lived, and run in many places at once.
    variables.config.shared_counters = true;
    let bucket = env
        .bucket(BUCKET)
        .map_err(|error| format!("the Worker has no R2 bucket bound as {BUCKET}: {error}"))?;
    let mut options = Options::default();
    options.keep_millis = variables.keep_millis();
    options.cache_bytes = CACHE;
    options.waiting = Waiting::Polling;
    let (store, host) = (Arc::new(R2Store::new(bucket)), Arc::new(WorkersHost));
    let storage = Storage::with_options(store, host, options);
    Ok(Functions::new(storage, variables.config))
}
