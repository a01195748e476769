// Bodies are spliced, as in extract.cc. The other unit is parsed into the same
// context, so types and metadata are shared, and a symbol of the one module is
// replaced by the other's of the same name: the caller of simplify() has given
// one position, hence one name, to what is one symbol.
//
// A member is moved likewise. While LLVM is at work it has the linkage that it
// had in its module, or as free a one: LLVM may drop it, and change the
// signature of an internal one, since whoever calls it then has got the call
// from this unit.

#include "import.h"
#include "error.h"
#include "module_io.h"
#include "names.h"

using namespace llvm;

namespace finegrain {

namespace {
class Importer {
public:
  Importer(Module &M, Module &Source) : M(M), Source(Source) {}
  std::vector<Function *> run(StringRef Names);
  void moveMember(StringRef Name);

private:
  GlobalValue *counterpart(GlobalValue &Old);
  GlobalValue *createCounterpart(GlobalValue &Old);
  void replaceSymbols();
  void moveBody(Function &Old, Function &New);

  Module &M;
  Module &Source;
  std::vector<std::pair<GlobalVariable *, GlobalVariable *>> Copied;
};
} // namespace

GlobalValue *Importer::createCounterpart(GlobalValue &Old) {
  if (auto *Type = dyn_cast<FunctionType>(Old.getValueType())) {
    auto *F = Function::Create(Type, GlobalValue::ExternalLinkage,
                               Old.getAddressSpace(), Old.getName(), &M);
    if (auto *OldF = dyn_cast<Function>(&Old)) {
      F->copyAttributesFrom(OldF);
      F->dropAllReferences(); // as in extract.cc
    }
    return F;
  }
  auto *Variable = new GlobalVariable(
      M, Old.getValueType(), /*isConstant=*/false, GlobalValue::ExternalLinkage,
      nullptr, Old.getName(), nullptr, Old.getThreadLocalMode(),
      Old.getAddressSpace());
  if (auto *OldVariable = dyn_cast<GlobalVariable>(&Old)) {
    Variable->copyAttributesFrom(OldVariable);
    Variable->setConstant(OldVariable->isConstant());
  }
  return Variable;
}

// What M calls the symbol Old of the other unit.
GlobalValue *Importer::counterpart(GlobalValue &Old) {
  GlobalValue *New = Old.hasName() ? M.getNamedValue(Old.getName()) : nullptr;
  if (New)
    return New;
  New = createCounterpart(Old);
  New->setVisibility(Old.getVisibility());
  New->setDSOLocal(Old.isDSOLocal());
  New->setUnnamedAddr(Old.getUnnamedAddr());
  if (Old.hasExternalWeakLinkage())
    New->setLinkage(GlobalValue::ExternalWeakLinkage);
  if (Old.hasLocalLinkage()) { // a constant: summaries tell no other importable
    New->setLinkage(Old.getLinkage());
    Copied.emplace_back(cast<GlobalVariable>(New), cast<GlobalVariable>(&Old));
  }
  return New;
}

void Importer::moveBody(Function &Old, Function &New) {
  for (auto [OldArgument, NewArgument] : zip(Old.args(), New.args()))
    OldArgument.replaceAllUsesWith(&NewArgument);
  New.splice(New.begin(), &Old);
  New.copyAttributesFrom(&Old);
  New.copyMetadata(&Old, 0);
  New.setComdat(nullptr);
}

void Importer::replaceSymbols() {
  for (GlobalValue &Old : make_early_inc_range(Source.global_values()))
    if (!Old.use_empty() && !Old.getName().starts_with("llvm.used") &&
        !Old.getName().starts_with("llvm.compiler.used"))
      Old.replaceAllUsesWith(counterpart(Old));
  for (auto [New, Old] : Copied)
    New->setInitializer(Old->getInitializer());
}

std::vector<Function *> Importer::run(StringRef Names) {
  std::vector<std::pair<Function *, Function *>> Wanted;
  for (StringRef Name : unpackNames(Names)) {
    Function *Old = Source.getFunction(Name), *New = M.getFunction(Name);
    if (Old && New && !Old->isDeclaration() && New->isDeclaration() &&
        Old->getFunctionType() == New->getFunctionType())
      Wanted.emplace_back(Old, New);
  }
  if (Wanted.empty())
    return {};
  replaceSymbols();
  std::vector<Function *> Imported;
  for (auto [Old, New] : Wanted) {
    moveBody(*Old, *New);
    New->setLinkage(GlobalValue::AvailableExternallyLinkage);
    Imported.push_back(New);
  }
  return Imported;
}

// The caller's type may differ in name: structs without one are read twice.
void Importer::moveMember(StringRef Name) {
  Function &Old = *Source.getFunction(Name);
  Function *Declared = M.getFunction(Name);
  auto *New = Function::Create(Old.getFunctionType(), Old.getLinkage(),
                               Old.getAddressSpace(), "", &M);
  New->takeName(Declared);
  Declared->replaceAllUsesWith(New);
  Declared->eraseFromParent();
  replaceSymbols();
  moveBody(Old, *New);
  if (New->hasExternalLinkage()) { // made visible when its module was split
    New->setVisibility(GlobalValue::DefaultVisibility);
    New->setLinkage(GlobalValue::InternalLinkage);
  } else if (New->hasWeakODRLinkage()) {
    New->setLinkage(GlobalValue::LinkOnceODRLinkage);
  }
}

Expected<std::vector<Function *>> importFunctions(Module &M,
                                                  const Import &From) {
  Expected<std::unique_ptr<Module>> Source =
      parseModule(From.Body, M.getContext());
  if (!Source)
    return Source.takeError();
  if ((*Source)->getDataLayout() != M.getDataLayout())
    return std::vector<Function *>();
  moveLocalNames(**Source, From.Positions);
  std::vector<Function *> Imported =
      Importer(M, **Source)
          .run(StringRef(From.Functions.data(), From.Functions.size()));
  return Imported;
}

void moveMember(Module &M, Module &Source, const Member &Moved) {
  moveLocalNames(Source, Moved.Positions);
  Importer(M, Source).moveMember(Moved.Function);
}

void keepMember(Module &M, const Member &Moved) {
  Function *F = M.getFunction(Moved.Function);
  if (!F || F->isDeclaration())
    return;
  if (F->hasLocalLinkage()) {
    F->setLinkage(GlobalValue::ExternalLinkage);
    F->setVisibility(GlobalValue::HiddenVisibility);
    F->setDSOLocal(true);
  } else if (F->hasLinkOnceODRLinkage()) {
    F->setLinkage(GlobalValue::WeakODRLinkage);
  }
}

void dropImported(Module &M, ArrayRef<std::string> Names) {
  for (StringRef Name : Names) {
    Function *F = M.getFunction(Name);
    if (F && F->hasAvailableExternallyLinkage())
      F->deleteBody(); // and so a declaration
  }
}

} // namespace finegrain
