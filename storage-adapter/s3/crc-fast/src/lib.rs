//! Replaces the crate of this name, as far as the AWS SDK (`aws-smithy-checksums`) uses it: `[patch.crates-io]` in the
//! workspace's `Cargo.toml`.
//!
//! The original contains tables for every known CRC, 600 kB that compression cannot reduce and the linker cannot
//! remove: more than a quarter of the component for Spin, which uses none of them. Here are the three that S3 supports
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>), each with one table of at
//! most 2 kB.

use std::fmt;

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc};

static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// A checksum, by its name in the catalogue of parametrised CRC algorithms
/// (<https://reveng.sourceforge.io/crc-catalogue/>).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CrcAlgorithm {
    /// CRC-32, as in Ethernet and zip.
    Crc32IsoHdlc,
    /// CRC-32C, as in iSCSI (RFC 3720, section 12.1).
    Crc32Iscsi,
    /// CRC-64, as in NVMe.
    Crc64Nvme,
}

/// A checksum of the bytes so far.
#[derive(Clone)]
pub struct Digest(Width);

#[derive(Clone)]
enum Width {
    Narrow(crc::Digest<'static, u32>),
    Wide(crc::Digest<'static, u64>),
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

impl Digest {
    /// Starts one.
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Width::Narrow(CRC32.digest()),
            CrcAlgorithm::Crc32Iscsi => Width::Narrow(CRC32C.digest()),
            CrcAlgorithm::Crc64Nvme => Width::Wide(CRC64.digest()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Width::Narrow(digest) => digest.update(bytes),
            Width::Wide(digest) => digest.update(bytes),
        }
    }

    /// Returns the checksum; for a narrow one the upper half is 0.
    #[must_use]
    pub fn finalize(self) -> u64 {
        match self.0 {
            Width::Narrow(digest) => digest.finalize().into(),
            Width::Wide(digest) => digest.finalize(),
        }
    }
}

/// Returns the checksum of a slice of bytes.
#[must_use]
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The catalogue's check values, for the nine digits.
    #[test]
    fn the_check_values_are_the_published_ones() {
        for (algorithm, check) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            assert_eq!(checksum(algorithm, b"123456789"), check, "{algorithm:?}");
            let mut pieces = Digest::new(algorithm);
            pieces.update(b"1234");
            pieces.update(b"");
            pieces.update(b"56789");
            assert_eq!(pieces.finalize(), check, "{algorithm:?}");
        }
    }
}
