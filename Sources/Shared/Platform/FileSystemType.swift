private import CLinux

/// The kind of file system that holds a path.
package struct FileSystemType: Equatable, Sendable, CustomStringConvertible {
    /// statfs(2)'s number.
    package let number: UInt32

    package init(number: UInt32) {
        self.number = number
    }

    /// The file system of a path, or of the nearest folder above it that exists; nil if it cannot be determined.
    package init?(of path: String) {
        var path = path
        while true {
            let number = clinux_file_system_type(path)
            if number >= 0 {
                self.number = UInt32(truncatingIfNeeded: number)
                return
            }
            guard path != "/", path != "." else { return nil }
            path = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        }
    }

    /// For example `ext4`; the number if the name is not known.
    package var description: String {
        Self.names[number] ?? "0x" + String(number, radix: 16)
    }

    /// Whether files here survive a power cut or a restart of the machine.
    package var survivesPowerCut: Bool {
        description != "tmpfs" && description != "ramfs"
    }

    private static let names: [UInt32: String] = [
        0xEF53: "ext4", 0x5846_5342: "xfs", 0x9123_683E: "btrfs", 0x0102_1994: "tmpfs", 0x8584_58F6: "ramfs",
        0x794C_7630: "overlay", 0x6969: "nfs", 0xFF53_4D42: "cifs", 0xFE53_4D42: "smb2", 0x6573_5546: "fuse",
        0x2FC1_2FC1: "zfs", 0xF2F5_2010: "f2fs", 0x4D44: "vfat", 0x2011_BAB0: "exfat", 0x5346_544E: "ntfs",
        0x0102_1997: "9p", 0xCA45_1A4E: "bcachefs", 0x7371_7368: "squashfs",
    ]
}
