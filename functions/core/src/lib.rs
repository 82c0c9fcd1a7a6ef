//! Every handler of the functions, pure over http::Request and ObjectStore.
