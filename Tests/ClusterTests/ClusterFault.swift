import Foundation
import Glibc
import Platform
import TestKit
import Testing

/// Something that fails while bets arrive, and is mended.
enum ClusterFault: String, CaseIterable, CustomTestStringConvertible {
    case killLeader = "kill -9 of the server that leads the bets"
    case killFollower = "kill -9 of a server that follows"
    case killNode = "kill -9 of a node"
    case killServerAndNode = "kill -9 of the leader and a node at once"
    case killTwoServers = "kill -9 of two servers at once"
    case killEverything = "kill -9 of every server and node at once"
    case pauseLeader = "SIGSTOP of the leader"
    case pauseFollower = "SIGSTOP of a server that follows"
    case pauseNode = "SIGSTOP of a node, which wakes up later"
    case wipeFollower = "a server that follows loses its disk and comes back empty"
    case rollingRestart = "every server restarted, one after the other"
    case replaceServer = "a server is removed from the cluster, another one takes its place"
    case fullDisk = "the disk of a server is full"
    case readOnlyDisk = "the disk of a server is read-only when it restarts"
    case cutLeader = "the leader is cut off from everything"
    case cutFollower = "a server that follows is cut off from everything"
    case splitLeader = "the leader is cut off from the other servers, not from the nodes"
    case cutNode = "a node is cut off from the servers, not from its agencies"

    var testDescription: String { rawValue }

    /// Those of the small form, which CI runs.
    private static let few: [ClusterFault] = [.killLeader, .killNode, .pauseNode]

    /// Those to try; `FAULT_ONLY=pauseNode,fullDisk` names some.
    static let chosen: [ClusterFault] = RealCluster.isFull ? allCases.filter { RealCluster.isChosen("\($0)") } : few

    /// The server whose disk is small.
    var limitedServer: Int? { [.fullDisk, .readOnlyDisk].contains(self) ? 2 : nil }

    var needsNetwork: Bool { [.cutLeader, .cutFollower, .splitLeader, .cutNode].contains(self) }

    /// Makes it happen, and mends it.
    func inject(_ draw: ClusterDraw, _ cluster: RealCluster) throws {
        let leader = cluster.leader(of: "QUINIELA_\(draw.draw)") ?? 1
        let follower = [1, 2, 3].filter { $0 != leader }.randomElement() ?? 2
        let node = Int.random(in: 0..<3)
        func restart(_ servers: Int...) throws {
            for server in servers { try cluster.run("kill \(server)") }
            RealCluster.pause(.milliseconds(Int.random(in: 0...3000)))
            for server in servers { try cluster.run("start \(server)") }
        }
        switch self {
        case .killLeader: try restart(leader)
        case .killFollower: try restart(follower)
        case .killNode: try draw.restart(node)
        case .killServerAndNode:
            try cluster.run("kill \(leader)")
            try draw.restart(node)
            try cluster.run("start \(leader)")
        case .killTwoServers: try restart(leader, follower)
        case .killEverything:
            for node in draw.nodes { node.signal(SIGKILL) }
            try restart(1, 2, 3)
            try cluster.waitUntilHealthy()
            for node in 0..<3 { try draw.restart(node) }
        case .pauseLeader, .pauseFollower:
            let server = self == .pauseLeader ? leader : follower
            try cluster.run("pause \(server)")
            RealCluster.pause(RealCluster.faultDuration)
            try cluster.run("resume \(server)")
        case .pauseNode:
            draw.nodes[node].signal(SIGSTOP)
            RealCluster.pause(RealCluster.faultDuration)
            draw.nodes[node].signal(SIGCONT)
        case .wipeFollower:
            try cluster.run("kill \(follower)")
            try FileManager.default.removeItem(atPath: "\(cluster.folder.path)/cluster/data-\(follower)")
            try cluster.run("start \(follower)")
            try cluster.waitUntilHealthy()
        case .rollingRestart:
            for server in 1...3 {
                try restart(server)
                try cluster.waitUntilHealthy()
            }
        case .replaceServer:
            let server = Int.random(in: 1...3)
            try cluster.run("kill \(server)")
            RealCluster.pause(.milliseconds(Int.random(in: 0...3000)))
            try cluster.run("replace \(server)")
            try cluster.waitUntilHealthy()
        case .fullDisk:
            try cluster.fillDisk()
            RealCluster.pause(.seconds(3))
            try cluster.freeDisk()
            try restart(2)
        case .readOnlyDisk:
            try cluster.run("kill 2")
            try cluster.setDisk("ro")
            try cluster.run("start 2")
            RealCluster.pause(.seconds(3))
            _ = try? cluster.run("kill 2")
            try cluster.setDisk("rw")
            try cluster.run("start 2")
        case .cutLeader, .cutFollower, .splitLeader, .cutNode:
            try cut(try #require(cluster.network), leader: leader, follower: follower, node: ClusterNetwork.nodes[node])
        }
    }

    private func cut(_ network: ClusterNetwork, leader: Int, follower: Int, node: Int) throws {
        let (machine, others): (Int, [Int]?) =
            switch self {
            case .cutLeader: (leader, nil)
            case .cutFollower: (follower, nil)
            case .splitLeader: (leader, [1, 2, 3].filter { $0 != leader })
            default: (node, [1, 2, 3])
            }
        if let others { try network.separate(machine, from: others) } else { try network.cut(machine) }
        RealCluster.pause(RealCluster.faultDuration)
        if let others { try network.reunite(machine, with: others) } else { try network.join(machine) }
    }
}
