//! The platform `irc`: a sans-IO session and its shell.

mod address;
mod clock;
mod credentials;
mod deriving;
mod descriptor;
mod dial;
mod dialects;
mod failure;
mod gate;
mod identities;
mod io_words;
mod kept;
mod options;
mod own_server;
mod platform;
mod policies;
mod proxy;
mod record;
mod scram;
pub mod session;
mod settings;
mod shell;
mod tls;

pub use self::options::{IrcOptions, ProgramOptions};
pub use address::AddressPolicy;
pub use gate::Pace;
pub use platform::{Irc, IrcConfig};
pub use proxy::Proxy;
pub use record::{Family, Fingerprint};
pub use scram::{Derivation, Keys};
pub use settings::Settings;
