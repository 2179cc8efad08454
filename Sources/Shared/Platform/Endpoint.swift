/// A host and a port, written `host:port`; an IPv6 address in brackets.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    /// 0 … 65,535; 0 asks for any free port.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Returns nil for text other than a host and a port.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    /// Reads endpoints separated by commas; nil unless all are.
    package static func list(_ text: String) -> [Endpoint]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let endpoints = parts.compactMap { Endpoint(String($0)) }
        return endpoints.count == parts.count ? endpoints : nil
    }

    /// Whether only this machine can reach it.
    ///
    /// A name such as `127.0.0.1.example.org` may mean any machine.
    package var isLoopback: Bool {
        if host == "::1" || host == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
