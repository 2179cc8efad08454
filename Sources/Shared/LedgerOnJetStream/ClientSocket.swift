#if JetStream
private import Foundation
private import Glibc

/// The C client's socket, which it does not give away.
enum ClientSocket {
    /// Ends the connections that have a local port, so that their owner takes them for lost.
    ///
    /// Seldom another one is lost too: a connection to another address may have the same port, and a descriptor may be closed
    /// and given to a new connection between two calls. Agencies and clients connect again.
    static func shutDown(localPort: Int) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), port(of: descriptor) == localPort else { continue }
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    /// The local port of a socket; nil for any other descriptor.
    private static func port(of descriptor: Int32) -> Int? {
        var address = sockaddr_in6()
        var byteCount = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &byteCount) }
        }
        guard status == 0, [AF_INET, AF_INET6].contains(Int32(address.sin6_family)) else { return nil }
        // At the same place in an address of either family.
        return Int(UInt16(bigEndian: address.sin6_port))
    }
}
#endif
