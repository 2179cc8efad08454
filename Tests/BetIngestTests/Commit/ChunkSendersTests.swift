import Domain
import TestKit
import Testing

@testable import BetIngest

/// Tests of the origins of dialect agencies.
struct ChunkSendersTests {
    private let one = AgencyID(1)
    private let two = AgencyID(2)

    @Test("an unfinished agency is listed only at the origin of its last chunk")
    func origins() {
        var senders = ChunkSenders()
        #expect(senders.unfinished(at: "a") == [])
        senders.sent(one, from: "a", isNewConnection: true)
        senders.sent(two, from: "a", isNewConnection: true)
        #expect(senders.unfinished(at: "a") == [one, two] && senders.unfinished(at: "b") == [])
        senders.sent(two, from: "b", isNewConnection: true)
        #expect(senders.unfinished(at: "a") == [one] && senders.unfinished(at: "b") == [two])
        #expect(senders.origin(of: two) == "b")
    }

    @Test("a finished agency is remembered at its origin, for a repeated END")
    func finished() {
        var senders = ChunkSenders()
        senders.sent(one, from: "a", isNewConnection: true)
        #expect(senders.finishedAgency(at: "a") == nil)
        senders.finished(one)
        #expect(senders.unfinished(at: "a") == [] && senders.finishedAgency(at: "a") == one)
    }

    @Test("programs with a connection for each message are recognised by their one chunk")
    func oneChunk() {
        var senders = ChunkSenders()
        #expect(!senders.sentOneChunk(one))
        senders.sent(one, from: "a", isNewConnection: true)
        #expect(senders.sentOneChunk(one))
        senders.sent(one, from: "a", isNewConnection: false)
        #expect(!senders.sentOneChunk(one))
    }
}
