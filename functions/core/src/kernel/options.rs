//! The operator's settings for the functions, on every host: declared once, read from an environment, the variables of
//! a component or a Worker, or what a program was given.

use options::{Json, Networks, Secret};

use crate::kernel::password::PasswordCost;

options::options! {
    /// Options of the functions.
    #[derive(Clone, Debug)]
    pub struct Options {
        /// Origin under which browsers reach this server.
        origin: Option<String>, or "http:// and the listen address; on Workers, the address of the request",
            "URL", "an origin like https://chat.example.org";
        /// Origin of the storage, if it is another one.
        storage_origin: Option<String>, or "the same", "URL", "an origin like https://storage.example.org";
        /// Encrypts the passwords of people's networks: 64 hexadecimal digits, or at least 40 characters of other text.
        /// If it is lost, they are lost, too.
        master_key: Option<Secret>, or "required", "TEXT", "64 hexadecimal digits, or at least 40 characters";
        /// Token that allows the first account to be created.
        setup_token: Option<Secret>, or "no account can be set up", "TEXT", "a word";
        /// Name of the space, as people see it.
        name: String = "Subspace", "TEXT", "at most 100 bytes on one line";
        /// Bytes that an account may store; 0 means unlimited.
        quota: u64 = "10737418240", "BYTES", "a number of bytes";
        /// The largest document.
        max_document_size: u64 = "104857600", "BYTES", "a number of bytes";
        /// Days for which overwritten and deleted documents are kept.
        retention_days: u32 = "30", "DAYS", "a number of days";
        /// Cost of hashing a password: `usual`, or `light` where a request has only 10 ms of processor time.
        password_cost: PasswordCost = "usual", "COST", "usual or light";
        /// Take client addresses from the last entry of x-forwarded-for; only behind a reverse proxy that writes it.
        behind_proxy: bool = "false", "BOOL", "true or false";
        /// Which addresses users may enter (of networks, storages and buckets): `any` also allows private networks.
        networks: Option<Networks>, or "public; any if `subspace` listens on loopback without an origin",
            "WHICH", "any or public";
        /// Connectors: `[{"id","kind","url","platforms","key"}]`, keys hexadecimal. Those that an admin creates in the client are not listed here.
        connectors: Option<Secret>, or "none", "JSON", "a list of connectors";
        /// Internal addresses of connectors, by id, where they differ from those that browsers use: `{"irc":"http://10.0.0.5:6701"}`.
        internal: Option<Json>, or "the address that browsers use", "JSON", "origins by ids";
        /// The space's own IRC server: `{"name","server","host","port","secure","channels"}`.
        network: Option<Json>, or "none", "JSON", "a network";
        /// TURN servers for calls, separated by commas.
        turn_urls: Option<String>, or "none", "URLS", "addresses like turn:turn.example.org:3478";
        /// The secret shared with them, at least 16 bytes.
        turn_secret: Option<Secret>, "TEXT", "at least 16 bytes";
        /// The domain of mail addresses, the id of the mail connector, and whether it also sends: `{"domain","connector","sends"}`.
        mail: Option<Json>, or "none", "JSON", "a mail service";
    }
}

impl Options {
    /// Returns the bytes that an account may store; none means unlimited.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        (self.quota > 0).then_some(self.quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_QUOTA};

    #[test]
    fn defaults_are_those_of_a_configuration() {
        let mut options: Options = options::defaults();
        assert_eq!(options.quota(), Some(DEFAULT_QUOTA));
        assert_eq!(options.max_document_size, DEFAULT_MAX_DOCUMENT_SIZE);
        assert_eq!(options.password_cost, PasswordCost::default());
        options.quota = 0;
        assert_eq!(options.quota(), None);
    }
}
