import Shared
import TestKit
import Testing

@testable import BetIngest

/// Whose END it is on a connection that names no agency.
struct ChunkSendersTests {
    private let one = AgencyID(1)
    private let two = AgencyID(2)

    @Test("the one agency that sends from an address, and nobody from another")
    func oneAgency() {
        var senders = ChunkSenders()
        #expect(senders.sender(at: "a") == nil)
        senders.sent(one, from: "a", isNewConnection: true)
        #expect(senders.sender(at: "a") == one && senders.sender(at: "b") == nil)
    }

    @Test("with two unfinished agencies at an address it is nobody's; when one has finished, the other's")
    func twoAgencies() {
        var senders = ChunkSenders()
        senders.sent(one, from: "a", isNewConnection: true)
        senders.sent(two, from: "a", isNewConnection: true)
        #expect(senders.sender(at: "a") == nil)
        senders.finished(one)
        #expect(senders.sender(at: "a") == two)
        senders.finished(two)
        // A repeated END: both have finished.
        #expect(senders.sender(at: "a") != nil)
    }

    @Test("an agency that moves is at its new address only")
    func moving() {
        var senders = ChunkSenders()
        senders.sent(one, from: "a", isNewConnection: true)
        senders.sent(one, from: "b", isNewConnection: true)
        #expect(senders.sender(at: "a") == nil && senders.sender(at: "b") == one)
    }

    @Test("an agency that has moved is not ended by one that stayed and repeats itself")
    func moved() {
        var senders = ChunkSenders()
        senders.sent(one, from: "a", isNewConnection: true)
        senders.sent(two, from: "a", isNewConnection: true)
        senders.sent(two, from: "b", isNewConnection: true)
        #expect(senders.sender(at: "a") == one)
        senders.finished(one)
        #expect(senders.sender(at: "a") == one && senders.sender(at: "b") == two)
    }

    @Test("programs with a connection for each message are known by their one chunk")
    func oneChunk() {
        var senders = ChunkSenders()
        #expect(!senders.sentOneChunk(one))
        senders.sent(one, from: "a", isNewConnection: true)
        #expect(senders.sentOneChunk(one))
        senders.sent(one, from: "a", isNewConnection: false)
        #expect(!senders.sentOneChunk(one))
    }
}
