import Foundation
import TestKit
import Testing

/// A network of machines on this one: namespaces joined by a bridge, whose links can be cut.
///
/// Needs root and iproute2. With `CLUSTER_NETWORK`, `scripts/cluster` starts server N as machine N. Packets to a machine that
/// is cut off are lost without an error, so no connection is closed.
final class ClusterNetwork: Sendable {
    /// A machine, by the last number of its address.
    typealias Machine = Int

    /// Nodes, after the servers.
    static let nodes: [Machine] = [11, 12, 13]
    static let name = "quiniela"
    private static let machines: [Machine] = [1, 2, 3] + nodes
    private let folder: TemporaryFolder

    init(in folder: TemporaryFolder) throws {
        self.folder = folder
        // Those of a test that was killed.
        remove()
        try shell(
            """
            set -e
            ip link add \(Self.name) type bridge
            ip addr add \(Self.address(of: 254))/24 dev \(Self.name)
            ip link set \(Self.name) up
            """)
        for machine in Self.machines {
            let name = Self.namespace(of: machine)
            try shell(
                """
                set -e
                ip netns add \(name)
                ip link add \(name) type veth peer name eth0 netns \(name)
                ip link set \(name) master \(Self.name) up
                ip -n \(name) addr add \(Self.address(of: machine))/24 dev eth0
                ip -n \(name) link set eth0 up
                ip -n \(name) link set lo up
                """)
        }
    }

    deinit { remove() }

    static func address(of machine: Machine) -> String { "10.77.0.\(machine)" }
    static func namespace(of machine: Machine) -> String { "\(name)-\(machine)" }

    /// Cuts a machine off from all others.
    func cut(_ machine: Machine) throws { try shell("ip link set \(Self.namespace(of: machine)) down") }

    func join(_ machine: Machine) throws { try shell("ip link set \(Self.namespace(of: machine)) up") }

    /// Cuts a machine off from some others: what it sends to them goes to a hardware address that nobody has.
    func separate(_ machine: Machine, from others: [Machine]) throws {
        for other in others {
            try shell(
                "ip -n \(Self.namespace(of: machine)) neigh replace \(Self.address(of: other)) "
                    + "lladdr 02:00:00:00:00:01 dev eth0 nud permanent")
        }
    }

    func reunite(_ machine: Machine, with others: [Machine]) throws {
        for other in others {
            try shell("ip -n \(Self.namespace(of: machine)) neigh del \(Self.address(of: other)) dev eth0")
        }
    }

    private func remove() {
        for machine in Self.machines {
            let name = Self.namespace(of: machine)
            // A namespace lives as long as a process in it, and keeps its link.
            _ = try? shell("ip link del \(name) 2>/dev/null; ip netns del \(name) 2>/dev/null")
        }
        _ = try? shell("ip link del \(Self.name) 2>/dev/null")
    }

    private func shell(_ command: String) throws {
        let script = try ShellScript(command, in: folder)
        if script.code != 0 { throw RealCluster.Failure("\(command): \(script)") }
    }
}
