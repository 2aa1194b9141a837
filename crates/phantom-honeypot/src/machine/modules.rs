//! Modules of the kernel.

/// Modules of a KVM guest: name, size, users.
pub(crate) const MODULES: &[(&str, u32, &str)] = &[
    ("tls", 135168, "0"),
    ("binfmt_misc", 24576, "1"),
    ("intel_rapl_msr", 20480, "0"),
    ("intel_rapl_common", 32768, "1 intel_rapl_msr"),
    ("ghash_clmulni_intel", 16384, "0"),
    ("sha512_ssse3", 49152, "0"),
    ("sha512_generic", 16384, "1 sha512_ssse3"),
    ("aesni_intel", 393216, "0"),
    ("crypto_simd", 16384, "1 aesni_intel"),
    ("cryptd", 28672, "2 crypto_simd,ghash_clmulni_intel"),
    ("rapl", 20480, "0"),
    ("bochs", 16384, "0"),
    ("drm_vram_helper", 24576, "1 bochs"),
    ("drm_ttm_helper", 16384, "2 bochs,drm_vram_helper"),
    ("ttm", 94208, "2 drm_vram_helper,drm_ttm_helper"),
    ("drm_kms_helper", 212992, "4 bochs,drm_vram_helper"),
    ("pcspkr", 16384, "0"),
    ("virtio_balloon", 28672, "0"),
    ("joydev", 28672, "0"),
    ("evdev", 28672, "2"),
    ("serio_raw", 20480, "0"),
    ("sg", 40960, "0"),
    ("button", 24576, "0"),
    ("drm", 614400, "6 drm_kms_helper,bochs,drm_vram_helper,drm_ttm_helper,ttm"),
    ("fuse", 176128, "1"),
    ("dm_mod", 184320, "0"),
    ("loop", 32768, "0"),
    ("efi_pstore", 16384, "0"),
    ("configfs", 57344, "1"),
    ("qemu_fw_cfg", 20480, "0"),
    ("ip_tables", 36864, "0"),
    ("x_tables", 61440, "1 ip_tables"),
    ("autofs4", 53248, "2"),
    ("ext4", 983040, "1"),
    ("crc16", 16384, "1 ext4"),
    ("mbcache", 16384, "1 ext4"),
    ("jbd2", 167936, "1 ext4"),
    ("crc32c_generic", 16384, "0"),
    ("hid_generic", 16384, "0"),
    ("usbhid", 65536, "0"),
    ("hid", 159744, "2 usbhid,hid_generic"),
    ("sd_mod", 65536, "3"),
    ("t10_pi", 16384, "1 sd_mod"),
    ("sr_mod", 28672, "0"),
    ("cdrom", 49152, "1 sr_mod"),
    ("virtio_net", 73728, "0"),
    ("net_failover", 20480, "1 virtio_net"),
    ("failover", 16384, "1 net_failover"),
    ("virtio_scsi", 24576, "2"),
    ("ata_generic", 16384, "0"),
    ("ata_piix", 45056, "0"),
    ("libata", 401408, "2 ata_piix,ata_generic"),
    ("scsi_mod", 286720, "5 virtio_scsi,sd_mod,libata,sg,sr_mod"),
    ("scsi_common", 16384, "5 scsi_mod,virtio_scsi,sg,libata,sr_mod"),
    ("virtio_pci", 24576, "0"),
    ("virtio_pci_legacy_dev", 16384, "1 virtio_pci"),
    ("virtio_pci_modern_dev", 20480, "1 virtio_pci"),
    ("virtio", 16384, "4 virtio_balloon,virtio_scsi,virtio_net,virtio_pci"),
    ("virtio_ring", 45056, "5 virtio,virtio_balloon,virtio_scsi,virtio_net,virtio_pci"),
    ("i2c_piix4", 28672, "0"),
];

/// The text of /proc/modules (proc(5)).
pub(super) fn table() -> String {
    MODULES
        .iter()
        .map(|(name, size, users)| {
            let (count, by) =
                users.split_once(' ').map_or((*users, "-".to_owned()), |(n, by)| (n, format!("{by},")));
            format!("{name} {size} {count} {by} Live 0x0000000000000000\n")
        })
        .collect()
}
