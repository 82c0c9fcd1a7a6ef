//! Passwords: argon2id (RFC 9106) in PHC form.

use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Lanes.
const LANES: u32 = 1;
/// Bytes of salt.
pub(crate) const SALT: usize = 16;

/// The cost of hashing a password. It is part of each hash, so that existing hashes stay valid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PasswordCost {
    /// 19 MiB and 2 passes, the second recommendation of OWASP's password storage guide; about 20 ms of a server's
    /// processor.
    #[default]
    Usual,
    /// 4 MiB and 1 pass: a tenth of that, and below OWASP's recommendation. For hosts that allow a request 10 ms of
    /// processor time, where the alternative is not to serve at all.
    Light,
}

impl PasswordCost {
    /// Returns the memory in KiB and the passes over it.
    const fn parameters(self) -> (u32, u32) {
        match self {
            Self::Usual => (19_456, 2),
            Self::Light => (4_096, 1),
        }
    }

    /// Returns a hash that no password matches; verified when there is no account, so that the response takes as long.
    fn nobody(self) -> String {
        let (memory, passes) = self.parameters();
        format!(
            "$argon2id$v=19$m={memory},t={passes},p={LANES}$c3Vic3BhY2Uubm9ib2R5$\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        )
    }

    fn hasher(self) -> Argon2<'static> {
        let (memory, passes) = self.parameters();
        let params = Params::new(memory, passes, LANES, None).unwrap_or_default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}

impl FromStr for PasswordCost {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "usual" => Ok(Self::Usual),
            "light" => Ok(Self::Light),
            _ => Err(()),
        }
    }
}

options::values!(Text: PasswordCost);

/// Hashes a password.
pub(crate) fn hash(
    cost: PasswordCost,
    password: &str,
    salt: [u8; SALT],
) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = cost
        .hasher()
        .hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// Verifies a password against a hash at the hash's own cost or, taking the same time, against nothing.
pub(crate) fn verify(cost: PasswordCost, password: &str, hash: Option<&str>) -> bool {
    let nobody = cost.nobody();
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(&nobody)) else {
        return false;
    };
    let fits = cost
        .hasher()
        .verify_password(password.as_bytes(), &parsed)
        .is_ok();
    fits && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_fits() {
        for (cost, start) in [
            (PasswordCost::Usual, "$argon2id$v=19$m=19456,t=2,p=1$"),
            (PasswordCost::Light, "$argon2id$v=19$m=4096,t=1,p=1$"),
        ] {
            let hash = hash(cost, "correct horse", [3; SALT]).unwrap();
            assert!(hash.starts_with(start), "{hash}");
            // Whatever the current cost.
            for now in [PasswordCost::Usual, PasswordCost::Light] {
                assert!(verify(now, "correct horse", Some(&hash)));
                assert!(!verify(now, "correct horsf", Some(&hash)));
            }
            assert!(!verify(cost, "correct horse", Some("damaged")));
            assert!(!verify(cost, "correct horse", None));
        }
    }

    #[test]
    fn an_unknown_account_costs_the_same_work() {
        for cost in [PasswordCost::Usual, PasswordCost::Light] {
            let nobody = cost.nobody();
            let parsed = PasswordHash::new(&nobody).unwrap();
            let params = Params::try_from(&parsed).unwrap();
            let (memory, passes) = cost.parameters();
            assert_eq!(
                (params.m_cost(), params.t_cost(), params.p_cost()),
                (memory, passes, LANES)
            );
            assert_eq!(parsed.hash.unwrap().len(), 32);
        }
    }
}
