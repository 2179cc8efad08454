private import Glibc

/// An IP address of a peer; an IPv4 address inside IPv6 is the IPv4 address.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes.
    package let bytes: [UInt8]

    /// Nil for other than 4 or 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads an address without a port, with or without brackets and zone; nil for other text.
    package init?(_ text: some StringProtocol) {
        let text = String(text.drop { $0 == "[" }.prefix { $0 != "]" && $0 != "%" })
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            let all = withUnsafeBytes(of: six) { Array($0) }
            let isMapped = all.prefix(10).allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = isMapped ? Array(all.suffix(4)) : all
        } else {
            return nil
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether the peer is on this machine: nothing that it sends crosses a network.
    package var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }
}

/// Addresses with a common prefix, written `10.2.0.0/16`; without a prefix one address.
package struct AddressRange: Hashable, Sendable {
    private let address: PeerAddress
    private let prefixBits: Int

    /// Reads a range; nil for other text, and for bits beyond the prefix.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = PeerAddress(parts[0]) else { return nil }
        let all = address.bytes.count * 8
        let bits = parts.count == 2 ? Int(parts[1]) : all
        guard let bits, (0...all).contains(bits) else { return nil }
        self.address = address
        prefixBits = bits
        for bit in bits..<all where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 { return nil }
    }

    package func contains(_ other: PeerAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        for index in 0..<(prefixBits / 8) where other.bytes[index] != address.bytes[index] { return false }
        let rest = prefixBits % 8
        guard rest > 0 else { return true }
        let mask = ~(UInt8(0xFF) >> UInt8(rest))
        return (other.bytes[prefixBits / 8] ^ address.bytes[prefixBits / 8]) & mask == 0
    }
}
