import Platform
import TestKit
import Testing

@testable import BetIngest

struct ConnectionQueueTests {
    private let fixture: CommitterFixture

    init() throws {
        fixture = try CommitterFixture()
    }

    private func connection(_ peer: String) -> IngestConnection { fixture.connection(peer) }

    @Test("connections are served in turn: after one event a connection goes to the back of the queue")
    func fairness() {
        let queue = ConnectionQueue(capacity: 10)
        let connections = ["a", "b", "c"].map(connection)
        for connection in connections {
            for _ in 0..<3 where connection.append(.ended) { queue.put([connection]) }
        }
        var order = ""
        for _ in 0..<9 {
            guard let next = queue.waitForNextConnection() else { break }
            _ = next.takeTurn()
            order += next.peer
            if next.endTurn() { queue.put([next]) }
        }
        #expect(order == "abcabcabc")
    }

    @Test("a connection is queued at most once, however many events it has")
    func queuedOnce() {
        let connection = connection("a")
        #expect(connection.append(.ended))
        #expect(!connection.append(.ended))
        _ = connection.takeTurn()
        #expect(connection.endTurn())
        #expect(!connection.append(.ended))
        _ = connection.takeTurn()
        _ = connection.takeTurn()
        #expect(!connection.endTurn())
        #expect(connection.append(.ended))
    }

    @Test("a shutdown ends the wait of every worker")
    func shutDown() {
        let queue = ConnectionQueue(capacity: 10)
        let threads = (0..<4).map { number in
            NamedThread("worker-\(number)") {
                while queue.waitForNextConnection() != nil {}
            }
        }
        queue.put([connection("a")])
        queue.shutDown()
        for thread in threads { thread.join() }
        queue.put([connection("b")])
        #expect(queue.waitForNextConnection() == nil)
    }
}
