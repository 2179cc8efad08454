package import Connections
private import Platform
package import Shell
package import TLS

extension Listener.Secure {
    /// TLS on a port whose failed handshakes are counted and logged.
    package init(_ tls: ServerTLS, gate: AgencyGate, deadline: Duration, log: EventLog) {
        self.init(tls, deadline: deadline) { peer, reason in
            let reason = "TLS: \(reason)"
            let address = Endpoint(peer).flatMap { PeerAddress($0.host) }
            gate.noteFailedHandshake(of: Peer(address: address), reason: reason)
            log(.denied(nil, peer: peer, reason: reason))
        }
    }
}
