#include "error.h"
#include "steps.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/MemoryBufferRef.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

// Deterministic: no dates and no owners.
Expected<Bytes> writeArchive(ArrayRef<ArchiveMember> Members,
                             bool HasSymbolTable) {
  std::vector<Bytes> Renamed(Members.size());
  std::vector<NewArchiveMember> NewMembers;
  NewMembers.reserve(Members.size());
  for (size_t I = 0; I != Members.size(); ++I) {
    StringRef Content = Members[I].Content;
    if (!Members[I].LinkNames.empty()) {
      Expected<Bytes> Object = renameSymbols(Content, Members[I].LinkNames);
      if (!Object)
        return Object.takeError();
      Renamed[I] = std::move(*Object);
      Content = StringRef(Renamed[I].data(), Renamed[I].size());
    }
    NewMembers.emplace_back(MemoryBufferRef(Content, Members[I].Name));
  }
  Bytes Archive;
  raw_svector_ostream OS(Archive);
  Error Failure = writeArchiveToStream(
      OS, NewMembers,
      HasSymbolTable ? SymtabWritingMode::NormalSymtab
                     : SymtabWritingMode::NoSymtab,
      object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false,
      /*IsEC=*/std::nullopt,
      // Members that LLVM finds no symbols in, such as assembly, are no fault.
      [](Error E) { consumeError(std::move(E)); });
  if (Failure)
    return stepError("ARCHIVE_FAILED", std::move(Failure));
  return Archive;
}

} // namespace finegrain
