//! The operator's settings for the program `subspace-functions`.

use std::net::SocketAddr;
use std::path::PathBuf;

use options::{Kind, Value};
use storage_s3::S3Options;

options::options! {
    /// Options of the program `subspace-functions`.
    #[derive(Clone, Debug)]
    pub struct ProgramOptions {
        /// Address to listen on.
        listen: SocketAddr = "127.0.0.1:6700", "ADDR", "an address like 127.0.0.1:6700";
        /// Where everything is kept: `fs` (in files), or `s3` (in a bucket of S3 or a compatible server).
        store: Store = "fs", "WHERE", "fs or s3";
        /// Data folder, if `store` is `fs`; created if missing.
        data: PathBuf = "data", "DIR", "a folder";
    }
    with {
        /// The functions.
        functions: functions_core::Options, "";
        /// The bucket.
        s3: S3Options, "s3";
    }
}

impl settings::Program for ProgramOptions {
    const NAME: &'static str = "subspace-functions";
}

/// Where everything is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Store {
    /// In files of a folder.
    Fs,
    /// In a bucket.
    S3,
}

impl Value for Store {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "fs" => Some(Self::Fs),
            "s3" => Some(Self::S3),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use functions_core::variables::Variables;
    use settings::{Given, Loaded};
    use storage_s3::S3Settings;

    use super::*;

    fn load(flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded<ProgramOptions> {
        Given::load_pairs(flags, environment).unwrap()
    }

    #[test]
    fn flags_variables_and_files_of_before_say_what_they_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let key = file("key", &format!("{}\n", "0f".repeat(32)));
        let secret = file("secret", " from-a-file\n");
        let loaded = load(
            &[
                ("quota", "0"),
                ("master-key-file", &key),
                ("behind-proxy", "true"),
            ],
            &[
                ("SUBSPACE_ORIGIN", "https://chat.example.org"),
                ("SUBSPACE_QUOTA", "7"),
                ("SUBSPACE_NETWORKS", "any"),
                ("SUBSPACE_STORE", "s3"),
                ("SUBSPACE_S3_BUCKET", "chat"),
                ("SUBSPACE_S3_REGION", "eu-central-1"),
                ("SUBSPACE_S3_ACCESS_KEY_ID", "AKID"),
                ("SUBSPACE_S3_SECRET_ACCESS_KEY_FILE", &secret),
                ("SUBSPACE_S3_SINGLE_WRITER", "true"),
            ],
        );
        assert!(loaded.warnings.is_empty());
        let options = loaded.options;
        assert_eq!(options.store, Store::S3);
        let bucket = S3Settings::new(options.s3).unwrap();
        assert!(bucket.single_writer());
        let variables = Variables::new(options.functions).unwrap();
        assert_eq!(variables.config.default_quota, None);
        assert_eq!(variables.config.master_key, [15; 32]);
        assert!(variables.any_network && variables.behind_proxy);
        assert_eq!(variables.retention_days, 30);
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret").display().to_string();
        std::fs::write(&path, "from-a-file\n").unwrap();
        let settings = |file: &str| {
            let environment = [
                ("SUBSPACE_S3_BUCKET", "chat"),
                ("SUBSPACE_S3_REGION", "eu-central-1"),
                ("SUBSPACE_S3_ACCESS_KEY_ID", "AKID"),
                ("SUBSPACE_S3_SECRET_ACCESS_KEY_FILE", file),
            ];
            let loaded = Given::<ProgramOptions>::load_pairs(&[], &environment);
            let options = loaded.map_err(|error| error.to_string())?.options;
            S3Settings::new(options.s3).map_err(|error| error.to_string())
        };
        settings(&path).unwrap();
        let missing = settings("").unwrap_err();
        assert!(
            missing.starts_with("SUBSPACE_S3_SECRET_ACCESS_KEY is not set"),
            "{missing}"
        );
        let unreadable = settings("/nowhere/secret").unwrap_err();
        assert!(
            unreadable.starts_with("s3-secret-access-key-file: cannot read the file that it names"),
            "{unreadable}"
        );
    }
}
