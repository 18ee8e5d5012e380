//! One stored password hash: the three formats of mosquitto's password file, parsed and verified.
//! Must not show a hash or a password in `Debug` or in an error.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pbkdf2::hmac::Hmac;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::limits::{
    ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, PBKDF2_ITERATIONS_MAX,
};

/// mosquitto pads its base64, argon2's own format does not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A password's stored hash.
#[derive(Clone)]
pub(super) struct StoredHash {
    function: Function,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

#[derive(Clone)]
enum Function {
    /// `$6$salt$hash`: SHA-512 of password and salt; quick, so only for files that have it.
    Sha512,
    /// `$7$iterations$salt$hash`
    Pbkdf2Sha512 { iterations: u32 },
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`
    Argon2id(Params),
}

impl StoredHash {
    /// Parses what stands behind the user name; the error says what is wrong without quoting it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let fields: Vec<&str> = text.strip_prefix('$').ok_or(UNKNOWN)?.split('$').collect();
        match fields[..] {
            ["6", salt, digest] => Self::new(Function::Sha512, salt, digest),
            ["7", iterations, salt, digest] => {
                let iterations = iterations
                    .parse()
                    .ok()
                    .filter(|n| (1..=PBKDF2_ITERATIONS_MAX).contains(n))
                    .ok_or("the number of iterations must be from 1 to 10000000")?;
                Self::new(Function::Pbkdf2Sha512 { iterations }, salt, digest)
            }
            ["argon2id", "v=19", params, salt, digest] => {
                Self::new(Function::Argon2id(argon2_params(params)?), salt, digest)
            }
            _ => Err(UNKNOWN),
        }
    }

    fn new(function: Function, salt: &str, digest: &str) -> Result<Self, &'static str> {
        let salt = BASE64.decode(salt).map_err(|_| "the salt is not base64")?;
        let digest = BASE64
            .decode(digest)
            .map_err(|_| "the hash is not base64")?;
        let length_is_right = match function {
            Function::Sha512 | Function::Pbkdf2Sha512 { .. } => digest.len() == 64,
            Function::Argon2id(_) => (16..=64).contains(&digest.len()) && salt.len() >= 8,
        };
        if !length_is_right || salt.is_empty() {
            return Err("the hash or the salt has the wrong length");
        }
        Ok(Self {
            function,
            salt,
            digest,
        })
    }

    /// Whether the password is the one. Takes as long as the hash was made to take, right or wrong.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut computed = vec![0; self.digest.len()];
        match &self.function {
            Function::Sha512 => {
                let digest = Sha512::new()
                    .chain_update(password)
                    .chain_update(&self.salt);
                computed.copy_from_slice(&digest.finalize());
            }
            Function::Pbkdf2Sha512 { iterations } => {
                let result = pbkdf2::pbkdf2::<Hmac<Sha512>>(
                    password,
                    &self.salt,
                    *iterations,
                    &mut computed,
                );
                if result.is_err() {
                    return false;
                }
            }
            Function::Argon2id(params) => {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
                if argon2
                    .hash_password_into(password, &self.salt, &mut computed)
                    .is_err()
                {
                    return false;
                }
            }
        }
        computed.ct_eq(&self.digest).into()
    }

    /// What identifies this hash among others, for the cache's key.
    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// A hash that costs the same and that no password fits, for users that do not exist.
    pub(super) fn decoy(&self) -> Self {
        let mut decoy = self.clone();
        decoy.salt.iter_mut().for_each(|byte| *byte ^= 0xa5);
        decoy
    }
}

impl std::fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

const UNKNOWN: &str =
    "the hash must begin with $6$, $7$ or $argon2id$v=19$ (mosquitto_passwd makes such lines)";

fn argon2_params(text: &str) -> Result<Params, &'static str> {
    let (mut memory_kib, mut passes, mut lanes) = (None, None, None);
    for field in text.split(',') {
        let (name, value) = field
            .split_once('=')
            .ok_or("the parameters must be m=…,t=…,p=…")?;
        let value: u32 = value.parse().map_err(|_| "a parameter is no number")?;
        match name {
            "m" => memory_kib = Some(value),
            "t" => passes = Some(value),
            "p" => lanes = Some(value),
            _ => return Err("the parameters must be m=…,t=…,p=…"),
        }
    }
    let (Some(memory_kib), Some(passes), Some(lanes)) = (memory_kib, passes, lanes) else {
        return Err("the parameters must be m=…,t=…,p=…");
    };
    if memory_kib > ARGON2_MEMORY_KIB_MAX || passes > ARGON2_PASSES_MAX || lanes > ARGON2_LANES_MAX
    {
        return Err("argon2id costs too much: at most m=1048576 (1 GiB), t=64, p=16");
    }
    Params::new(memory_kib, passes, lanes, None).map_err(|_| "argon2id refuses these parameters")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Debian's mosquitto_passwd 2.0.11 and, for argon2id, by the reference `argon2` tool.
    const VECTORS: [(&str, &str); 6] = [
        (
            "secret",
            "$7$101$wrzTjLMbbPM9CqgR$MvRVyKZPOBJLMzVWrvAAhjJTlwcEpjgeffElw3b9bllE/h1rLmoco6PxxFPoNXMhTXiI8OfOLtk4q6W0dmZOyQ==",
        ),
        (
            "pä:ss",
            "$7$101$LfbblG4ofoSsp/8l$GpmItZtp85PX3/NDZecnlCKgVC4lVxtYc/P/MAZlqpi9LvcmCX71czoCCSOqTVwvh4hcRRUAs6WDDeJr9BUMBg==",
        ),
        (
            "",
            "$7$101$UA7oM892rD7+ANdp$WAUFLI3IS+RcMYuRvHKu6H6Pl//tx4wcoN9SwLieZ8zq4eqQv64c5njB1tvJK0X6OxvRa1/i5hcMPKBpOyp+ww==",
        ),
        (
            "correct horse",
            "$6$DU4UV8OosO3wCli3$zjU/B0Q2myyCSUhvQg5ePnIM6tv878Z3NSFdSTUhh1vgci9dYxGT78QHn6VC1Tpjd9UBl4uTiQ5t052arqfh5A==",
        ),
        (
            "pä:ss",
            "$6$PFhPFerW2OUNpjcb$cEpT2tv7p+6kyE5u4RUyCat9kZEkxDvjqPJ6N4X3xC/P26x3VLUngoRoMNyqlYaEsNc8m2Z+kZUV0fqL4Myb+A==",
        ),
        (
            "open sesame",
            "$argon2id$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$lNvAhpaaNB2deu67N/HXSUJlMfOUYvtKGNMiOdmVxO0",
        ),
    ];

    #[test]
    fn hashes_of_the_real_tools_fit_their_password_and_no_other() {
        for (password, text) in VECTORS {
            let hash = StoredHash::parse(text).unwrap();
            assert!(hash.verify(password.as_bytes()), "{text}");
            assert!(!hash.verify(b"wrong"), "{text}");
            assert!(!hash.verify(format!("{password}x").as_bytes()), "{text}");
            assert!(!hash.decoy().verify(password.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_is_refused_with_a_reason() {
        let cut = &VECTORS[0].1[..60];
        for text in [
            "",
            "secret",
            "$1$salt$hash",
            "$7$0$AAAA$AAAA",
            "$7$101$!$AAAA",
            cut,
            "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=1$AAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(StoredHash::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_hash() {
        let hash = StoredHash::parse(VECTORS[0].1).unwrap();
        assert_eq!(format!("{hash:?}"), "StoredHash(…)");
    }
}
