//! Round trips of everything that is stored, and no panic on any bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::strategies;
use super::*;

proptest! {
    #[test]
    fn a_batch_comes_back(batch in strategies::batch()) {
        let bytes = encode_batch(batch.clone());
        prop_assert_eq!(decode_batch(bytes).expect("we wrote it"), batch);
    }

    #[test]
    fn a_shard_record_comes_back(record in strategies::record()) {
        let bytes = encode_shard_record(record.clone());
        prop_assert_eq!(decode_shard_record(bytes.into()).expect("we wrote it"), record);
    }

    #[test]
    fn a_control_command_comes_back(command in strategies::control()) {
        let bytes = encode_control(command.clone());
        prop_assert_eq!(decode_control(bytes).expect("we wrote it"), command);
    }

    #[test]
    fn a_control_record_comes_back(record in strategies::control_record()) {
        let bytes = encode_control_record(record.clone());
        prop_assert_eq!(decode_control_record(bytes.into()).expect("we wrote it"), record);
    }

    #[test]
    fn any_bytes_are_an_error_at_most(bytes in vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        let _ = decode_batch(bytes.clone());
        let _ = decode_control(bytes.clone());
        let _ = decode_shard_record(bytes.clone());
        let _ = decode_control_record(bytes);
    }

    #[test]
    fn changed_bytes_are_an_error_at_most(
        batch in strategies::batch(), place in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut bytes = encode_batch(batch).to_vec();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = decode_batch(bytes.into());
    }
}
