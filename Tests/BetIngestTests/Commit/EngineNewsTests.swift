import Domain
import NIOConcurrencyHelpers
import Platform
import ReplicatedLedger
import TestKit
import Testing

/// The words between the programs of a cluster, and the feed of documents that they wake.
struct EngineNewsTests {
    @Test(
        "a word says what is new",
        arguments: [
            EngineNews.document, .ended([AgencyID(7)], in: Samples.draw),
            .ended([AgencyID(1), AgencyID(70_000)], in: Samples.draw),
            .ended([], in: Samples.draw),
        ])
    func words(_ news: EngineNews) {
        #expect(EngineNews(news.bytes) == news)
    }

    @Test(
        "other words say nothing",
        arguments: ["", "documents", "document 1", "ended", "ended a/b 1", "ended d x", "ended d -1"])
    func others(_ text: String) {
        #expect(EngineNews(Array(text.utf8)) == nil)
    }

    @Test("a long word is told in parts, and one that is too long says nothing")
    func long() {
        let agencies = (1...100_000 as ClosedRange<UInt32>).map { AgencyID($0) }
        let parts = EngineNews.ended(agencies, in: Samples.draw).parts
        #expect(parts.compactMap { EngineNews($0.bytes) } == parts && parts.count == 20)
        #expect(EngineNews(EngineNews.ended(agencies, in: Samples.draw).bytes) == nil)
    }

    @Test("a feed gives each document in order, and the next one as soon as it is told of it")
    func feed() throws {
        let engine = MemoryEngine()
        let documents = EngineDocuments(engine) { false }
        let feed = DocumentFeed()
        engine.listen { news in if news == .document { feed.hear() } }
        _ = try documents.create("d.terms", [1])
        _ = try documents.create("d.number", [2])
        let taken = Monitor<[UInt8]>([])
        let thread = NamedThread("feed") {
            var last: UInt64 = 0
            while let stored = feed.next(of: documents, after: last) {
                last = stored.sequence
                taken.withLock { $0 += stored.bytes }
                taken.wakeAll()
            }
        }
        defer {
            feed.stop()
            thread.join()
        }
        #expect(taken.wait(until: .now + .seconds(30)) { $0.count == 2 ? $0 : nil } == [1, 2])
        _ = try documents.create("d.result", [3])
        #expect(taken.wait(until: .now + .seconds(30)) { $0.count == 3 ? $0 : nil } == [1, 2, 3])
    }

    @Test("a feed finds a document that nobody told it of, and ends at its deadline and at a stop")
    func silence() throws {
        let documents = EngineDocuments(MemoryEngine()) { false }
        let feed = DocumentFeed()
        #expect(feed.next(of: documents, after: 0, until: .now + .milliseconds(10)) == nil && !feed.isStopped)
        let found = NIOLockedValueBox<[UInt8]?>(nil)
        let thread = NamedThread("feed") { found.withLockedValue { $0 = feed.next(of: documents, after: 0)?.bytes } }
        _ = try documents.create("d.terms", [1])
        thread.join()
        #expect(found.withLockedValue { $0 } == [1])
        feed.stop()
        #expect(feed.next(of: documents, after: 1) == nil && feed.isStopped)
    }
}
