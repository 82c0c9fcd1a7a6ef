//! The other side of SCRAM-SHA-256, written apart from the one that is tested.

#![allow(unreachable_pub, reason = "shared by the tests")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The other side of SCRAM.
pub struct Services {
    password: &'static str,
    salt: [u8; 4],
    pub iterations: u32,
    /// What was said: the client's first message without its header, our first one.
    pub said: Vec<String>,
}

impl Services {
    pub fn of(password: &'static str) -> Self {
        Self {
            password,
            salt: [1, 2, 3, 4],
            iterations: 4096,
            said: vec![],
        }
    }

    /// What answers the client's first message.
    pub fn challenge(&mut self, first: &str) -> String {
        let bare = decoded(first).strip_prefix("n,,").unwrap().to_owned();
        let nonce = bare.split_once(",r=").unwrap().1.to_owned();
        let salt = STANDARD.encode(self.salt);
        let challenge = format!("r={nonce}+more,s={salt},i={}", self.iterations);
        self.said = vec![bare, challenge.clone()];
        encoded(&challenge)
    }

    /// Checks the client's proof; what proves that we know the password.
    pub fn check(&self, last: &str) -> Result<String, ()> {
        let last = decoded(last);
        let (without, proof) = last.rsplit_once(",p=").unwrap();
        let signed = format!("{},{without}", self.said.join(","));
        let salted = self.salted();
        let client: [u8; 32] = Sha256::digest(hmac(&salted, b"Client Key")).into();
        let signature = hmac(&client, signed.as_bytes());
        let proof = STANDARD.decode(proof).unwrap();
        let key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server = hmac(&salted, b"Server Key");
        let proof = STANDARD.encode(hmac(&server, signed.as_bytes()));
        let right = <[u8; 32]>::from(Sha256::digest(key)) == client;
        right.then(|| encoded(&format!("v={proof}"))).ok_or(())
    }

    fn salted(&self) -> [u8; 32] {
        let password = self.password.as_bytes();
        let mut last = hmac(password, &[&self.salt[..], &[0, 0, 0, 1]].concat());
        let mut sum = last;
        for _ in 1..self.iterations {
            last = hmac(password, &last);
            sum.iter_mut().zip(last).for_each(|(a, b)| *a ^= b);
        }
        sum
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

pub fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// What a line with AUTHENTICATE says.
pub fn decoded(line: &str) -> String {
    let answer = line.strip_prefix("AUTHENTICATE ").unwrap();
    String::from_utf8(STANDARD.decode(answer).unwrap()).unwrap()
}
