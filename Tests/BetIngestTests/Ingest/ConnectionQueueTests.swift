import Platform
import TestKit
import Testing

@testable import BetIngest

struct ConnectionQueueTests {
    private func connection(_ peer: String) -> IngestConnection {
        IngestConnection(
            peer: peer, session: NativeSession(draw: Samples.draw, agencies: 5), answers: RecordingSink())
    }

    @Test("connections are served in turn: after one item, back of the queue")
    func fairness() {
        let queue = ConnectionQueue(capacity: 10)
        let connections = ["a", "b", "c"].map(connection)
        for connection in connections {
            for _ in 0..<3 where connection.append(.hungUp) { queue.put([connection]) }
        }
        var order = ""
        for _ in 0..<9 {
            guard let next = queue.waitForNextConnection() else { break }
            _ = next.takeItem()
            order += next.peer
            if next.endTurn() { queue.put([next]) }
        }
        #expect(order == "abcabcabc")
    }

    @Test("a connection asks for one place in the queue, however much it holds")
    func onePlace() {
        let connection = connection("a")
        #expect(connection.append(.hungUp))
        #expect(!connection.append(.hungUp))
        _ = connection.takeItem()
        #expect(connection.endTurn())
        #expect(!connection.append(.hungUp))
        _ = connection.takeItem()
        _ = connection.takeItem()
        #expect(!connection.endTurn())
        #expect(connection.append(.hungUp))
    }

    @Test("a shutdown lets every waiting worker go")
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
