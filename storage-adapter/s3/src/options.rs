//! The operator's settings for the bucket of all data.

use options::Secret;

options::options! {
    /// Options of a bucket.
    #[derive(Clone, Debug)]
    pub struct S3Options {
        /// Name of the bucket.
        bucket: Option<String>, or "required with a bucket", "NAME", "the name of a bucket";
        /// Region of the bucket.
        region: Option<String>, or "us-east-1 if there is an endpoint, else required", "NAME", "a region";
        /// Address of the S3 server, if it is not Amazon's.
        endpoint: Option<String>, or "Amazon's", "URL", "an address like https://s3.example.org";
        /// Prefix of all keys in the bucket; a `/` follows.
        prefix: Option<String>, or "nothing", "TEXT", "names joined by /";
        /// Id of the access key.
        access_key_id: Option<String>, or "required with a bucket", "ID", "the id of an access key";
        /// Secret of the access key.
        secret_access_key: Option<Secret>, or "required with a bucket", "TEXT", "the secret of the access key";
        /// Session token of temporary credentials.
        session_token: Option<Secret>, "TEXT", "a session token";
        /// Whether the bucket is in the path instead of the host name.
        path_style: Option<bool>, or "true if there is an endpoint", "BOOL", "true or false";
        /// Whether no other process writes there, so that the server need not support conditional writes.
        single_writer: bool = "false", "BOOL", "true or false";
    }
}

impl S3Options {
    /// The prefix of its keys' names.
    pub const SECTION: &str = "s3_";
}
