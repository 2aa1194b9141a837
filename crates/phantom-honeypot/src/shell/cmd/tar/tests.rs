use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, at in 0usize..512, byte: u8) {
        let _ = members(&bytes);
        let _ = super::super::gzip::unpack(&bytes);
        let member = Member {
            name: bytes.clone(), mode: 0o644, uid: 0, gid: 0, user: String::new(), group: String::new(),
            mtime: 0, kind: b'0', link: Vec::new(), data: (0, 0),
        };
        let mut archive = Vec::new();
        header(&member, 0, &mut archive);
        if let Some(place) = archive.get_mut(at) {
            *place = byte;
        }
        let _ = members(&archive);
    }
}

#[test]
fn a_bomb_is_cut() {
    let zeros = vec![0; 16 << 20];
    let bomb = super::super::gzip::pack(&zeros, None, 0, 9);
    assert_eq!(super::super::gzip::unpack(&bomb).unwrap().len(), BUFFER);
}
