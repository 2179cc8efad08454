import Domain
import Testing

struct DrawIDTests {
    @Test("a draw's name is safe as a folder name")
    func names() {
        #expect(DrawID("default") != nil)
        #expect(DrawID("2026-11-21_Nocturna") != nil)
        for name in ["", "..", "a/b", "a b", "ñ", "a.b", String(repeating: "a", count: 65)] {
            #expect(DrawID(name) == nil)
        }
    }
}
