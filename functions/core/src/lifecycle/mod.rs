//! What concerns all domains of an account or of the installation: maintenance, and the removal of an account.

pub(crate) mod maintenance;
pub(crate) mod removal;
#[cfg(test)]
mod tests;
