#include "symbols.h"
#include "names.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/BLAKE3.h"

using namespace llvm;

namespace finegrain {

uint32_t definitionFlags(const GlobalValue &Global) {
  uint32_t Flags = SF_Defined;
  if (Global.hasLocalLinkage())
    Flags |= SF_Internal;
  if (Global.isDiscardableIfUnused())
    Flags |= SF_Discardable;
  if (Global.isInterposable())
    Flags |= SF_Interposable;
  if (Global.hasLinkOnceODRLinkage() || Global.hasWeakODRLinkage())
    Flags |= SF_OneOfMany;
  if (Global.hasAvailableExternallyLinkage())
    Flags |= SF_ImportOnly;
  if (auto *F = dyn_cast<Function>(&Global)) {
    if (F->hasFnAttribute(Attribute::AlwaysInline))
      Flags |= SF_AlwaysInline;
    if (F->hasFnAttribute(Attribute::NoInline))
      Flags |= SF_NoInline;
  }
  return Flags;
}

static uint32_t useFlags(const GlobalValue &Global) {
  uint32_t Calls = 0, Flags = 0;
  for (const Use &U : Global.uses()) {
    auto *Call = dyn_cast<CallBase>(U.getUser());
    if (Call && Call->isCallee(&U))
      Calls = std::min(Calls + 1, UINT32_MAX >> SF_CallShift);
    else
      Flags |= SF_Referenced;
  }
  return Flags | Calls << SF_CallShift;
}

static std::string symbolsDigest(const Unit &U) {
  BLAKE3 Hash;
  auto Add = [&](StringRef Content) {
    uint64_t Size = Content.size();
    Hash.update(ArrayRef(reinterpret_cast<uint8_t *>(&Size), sizeof(Size)));
    Hash.update(Content);
  };
  Add({U.LinkNames.data(), U.LinkNames.size()});
  Add({U.KeptNames.data(), U.KeptNames.size()});
  Add({reinterpret_cast<const char *>(U.Symbols.data()), 4 * U.Symbols.size()});
  return toHex(Hash.final<16>(), /*LowerCase=*/true);
}

void describeSymbols(const Module &M, const SymbolFacts &Facts, Unit &U) {
  const size_t LocalCount = U.Symbols.size();
  for (const GlobalValue &Global : M.global_values()) {
    StringRef Name = Global.getName();
    if (Name.empty() || Name.starts_with("llvm."))
      continue;
    uint32_t Flags = useFlags(Global);
    if (isa<Function>(Global))
      Flags |= SF_Function;
    if (!Global.hasLocalLinkage())
      Flags |= SF_Shared;
    if (!Global.isDeclaration()) {
      auto Fact = Facts.find(&Global);
      Flags |= Fact == Facts.end() ? definitionFlags(Global) : Fact->second;
    }
    std::optional<size_t> Position = localPosition(Name);
    if (Position && *Position < LocalCount) {
      U.Symbols[*Position] = Flags;
    } else {
      appendName(U.KeptNames, Name);
      U.Symbols.push_back(Flags);
    }
  }
  U.SymbolsDigest = symbolsDigest(U);
}

} // namespace finegrain
