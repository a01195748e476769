// Function bodies are moved, not cloned: their blocks are spliced into a new
// function, and only what refers to the old module is rewritten. That takes
// half the time of cloning, and cloning the module for each unit would be
// quadratic.

#include "extract.h"
#include "error.h"
#include "names.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Analysis/InlineCost.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"
#include "llvm/Transforms/Utils/ValueMapper.h"

using namespace llvm;

namespace finegrain {

namespace {
class Extractor final : public ValueMaterializer {
public:
  Extractor(Module &M, const Group &G, const ExtractOptions &Options)
      : M(M), G(G), Options(Options),
        Unit(std::make_unique<Module>("", M.getContext())),
        Mapper(Values, RF_NoModuleLevelChanges | RF_IgnoreMissingLocals,
               /*TypeMapper=*/nullptr, this) {}

  Expected<Extraction> run();

  // Called for everything a member refers to, the first time.
  Value *materialize(Value *V) override;

private:
  Error load(GlobalValue &Old);
  Error declareMembers();
  void define(GlobalValue &Old);
  GlobalObject *createObject(GlobalValue &Old, bool IsDefinition);
  void moveBody(Function &Old, Function &New);
  void copyBody(Function &Old, Function &New);
  Error importAlwaysInlined();
  void setLinkage(GlobalValue &New, const GlobalValue &Old, bool IsDefinition);
  std::string nameOf(const GlobalValue &Old) const;
  void setComdat(GlobalObject &New, const GlobalObject &Old);
  void copyGlobalMetadata(GlobalObject &New, const GlobalObject &Old);
  void dropPositionalMetadata(Instruction &I);
  void checkNames(StringRef Text, const Twine &Where);
  void checkAttributes(const AttributeList &Attributes);
  void dropUnusedAttributes();
  void keepUsedLists();
  SymbolFacts definitionFacts();
  void copyNamedMetadata(StringRef Name);
  void copyModuleProperties();

  Module &M;
  const Group &G;
  const ExtractOptions &Options;
  std::unique_ptr<Module> Unit;
  ValueToValueMapTy Values;
  ValueMapper Mapper;
  std::vector<const Function *> Loaded, Referenced;
  std::string WholeReason;
  // Candidates for importAlwaysInlined().
  std::vector<std::pair<Function *, Function *>> AlwaysInlined;
  // Constants to copy: the mapper must not be called from materialize().
  std::vector<std::pair<GlobalVariable *, const GlobalVariable *>> Initializers;
};
} // namespace

// ---- names, linkage and the like

std::string nameInUnits(const GlobalValue &Global, StringRef Suffix) {
  if (!Global.hasLocalLinkage())
    return Global.getName().str();
  StringRef Name = GlobalValue::dropLLVMManglingEscape(Global.getName());
  return (Name + Suffix).str();
}

std::string Extractor::nameOf(const GlobalValue &Old) const {
  return nameInUnits(Old, Options.Suffix);
}

// Units see each other's symbols, as parts of one module do; others do not.
void Extractor::setLinkage(GlobalValue &New, const GlobalValue &Old,
                           bool IsDefinition) {
  if (Old.hasLocalLinkage()) {
    New.setLinkage(GlobalValue::ExternalLinkage);
    New.setVisibility(GlobalValue::HiddenVisibility);
    New.setDSOLocal(true);
    return;
  }
  if (!IsDefinition)
    New.setLinkage(Old.hasExternalWeakLinkage()
                       ? GlobalValue::ExternalWeakLinkage
                       : GlobalValue::ExternalLinkage);
  else if (Old.hasLinkOnceLinkage()) // other units use it: it must be there
    New.setLinkage(GlobalValue::getWeakLinkage(Old.hasLinkOnceODRLinkage()));
  else if (Old.hasAvailableExternallyLinkage()) // or it would be dropped
    New.setLinkage(GlobalValue::ExternalLinkage);
  else
    New.setLinkage(Old.getLinkage());
  New.setVisibility(Old.getVisibility());
  New.setDSOLocal(Old.isDSOLocal());
}

void Extractor::setComdat(GlobalObject &New, const GlobalObject &Old) {
  if (const Comdat *C = Old.getComdat()) {
    Comdat *Copy = Unit->getOrInsertComdat(C->getName());
    Copy->setSelectionKind(C->getSelectionKind());
    New.setComdat(Copy);
  }
}

void Extractor::copyGlobalMetadata(GlobalObject &New, const GlobalObject &Old) {
  SmallVector<std::pair<unsigned, MDNode *>, 2> Nodes;
  Old.getAllMetadata(Nodes);
  for (auto [Kind, Node] : Nodes) {
    if (Kind == LLVMContext::MD_associated)
      Node = MapMetadata(Node, Values, RF_IgnoreMissingLocals, nullptr, this);
    New.addMetadata(Kind, *Node);
  }
}

// ---- making the unit's symbols

// Makes Old's counterpart, without its body or initializer.
GlobalObject *Extractor::createObject(GlobalValue &Old, bool IsDefinition) {
  GlobalObject *New;
  if (auto *Type = dyn_cast<FunctionType>(Old.getValueType())) {
    auto *F = Function::Create(Type, GlobalValue::ExternalLinkage,
                               Old.getAddressSpace(), nameOf(Old), Unit.get());
    if (auto *OldF = dyn_cast<Function>(&Old))
      F->copyAttributesFrom(OldF);
    // The personality and such data come along with the attributes, but refer
    // to the old module. Set to null, they would leave a null in the bitcode.
    F->dropAllReferences();
    New = F;
  } else {
    auto *Variable = new GlobalVariable(
        *Unit, Old.getValueType(), /*isConstant=*/false,
        GlobalValue::ExternalLinkage, nullptr, nameOf(Old), nullptr,
        Old.getThreadLocalMode(), Old.getAddressSpace());
    if (auto *OldVariable = dyn_cast<GlobalVariable>(&Old)) {
      Variable->copyAttributesFrom(OldVariable);
      Variable->setConstant(OldVariable->isConstant());
    }
    New = Variable;
  }
  New->setUnnamedAddr(Old.getUnnamedAddr());
  if (IsDefinition)
    setComdat(*New, cast<GlobalObject>(Old));
  setLinkage(*New, Old, IsDefinition);
  return New;
}

Value *Extractor::materialize(Value *V) {
  if (auto *Asm = dyn_cast<InlineAsm>(V)) {
    checkNames(Asm->getAsmString(), "inline assembly");
    return nullptr;
  }
  if (auto *Address = dyn_cast<BlockAddress>(V)) {
    const Function *F = Address->getFunction();
    if (F->getParent() == Unit.get()) // the block has been moved already
      return Address;
    WholeReason =
        ("the address of a label in '" + F->getName() + "' is used elsewhere")
            .str();
    return Constant::getNullValue(Address->getType());
  }
  if (auto *Wrapper = dyn_cast<MetadataAsValue>(V)) {
    if (isa<ConstantAsMetadata>(Wrapper->getMetadata()) &&
        isa<GlobalValue>(
            cast<ConstantAsMetadata>(Wrapper->getMetadata())->getValue()))
      WholeReason = "an intrinsic takes a symbol as metadata";
    return nullptr;
  }
  auto *Old = dyn_cast<GlobalValue>(V);
  if (!Old)
    return nullptr;
  GlobalObject *New = createObject(*Old, /*IsDefinition=*/false);
  if (auto *F = dyn_cast<Function>(Old)) {
    Referenced.push_back(F);
    if (F->hasFnAttribute(Attribute::AlwaysInline) && !F->isDeclaration())
      AlwaysInlined.emplace_back(cast<Function>(New), F);
  }
  auto *OldVariable = dyn_cast<GlobalVariable>(Old);
  if (OldVariable && isCopiedIntoUnits(*OldVariable)) {
    New->setName(""); // frontends number them, so names tell of other functions
    New->setVisibility(GlobalValue::DefaultVisibility);
    New->setLinkage(GlobalValue::PrivateLinkage);
    Initializers.emplace_back(cast<GlobalVariable>(New), OldVariable);
  }
  return New;
}

// ---- filling them in

void Extractor::dropPositionalMetadata(Instruction &I) {
  // It refers to functions, which the bitcode writer would miss.
  I.setMetadata(LLVMContext::MD_callees, nullptr);
  if (!Options.KeepTypeAliasing) {
    I.setMetadata(LLVMContext::MD_tbaa, nullptr);
    I.setMetadata(LLVMContext::MD_tbaa_struct, nullptr);
  }
}

void Extractor::moveBody(Function &Old, Function &New) {
  for (auto [OldArgument, NewArgument] : zip(Old.args(), New.args()))
    OldArgument.replaceAllUsesWith(&NewArgument);
  New.splice(New.begin(), &Old);
  if (Old.hasPersonalityFn())
    New.setPersonalityFn(Old.getPersonalityFn());
  if (Old.hasPrefixData())
    New.setPrefixData(Old.getPrefixData());
  if (Old.hasPrologueData())
    New.setPrologueData(Old.getPrologueData());
  copyGlobalMetadata(New, Old);
  checkAttributes(New.getAttributes());
  for (Instruction &I : instructions(New)) {
    if (I.hasMetadata())
      dropPositionalMetadata(I);
    if (auto *Call = dyn_cast<CallBase>(&I))
      checkAttributes(Call->getAttributes());
  }
}

// Other units need Old's body too.
void Extractor::copyBody(Function &Old, Function &New) {
  ValueToValueMapTy Copied;
  Function *Copy = CloneFunction(&Old, Copied);
  moveBody(*Copy, New);
  Copy->eraseFromParent();
}

static bool isAlwaysInlined(Function &F) {
  return F.hasFnAttribute(Attribute::AlwaysInline) &&
         isInlineViable(F).isSuccess();
}

static bool isCalled(const Function &F) {
  return any_of(F.uses(), [](const Use &U) {
    auto *Call = dyn_cast<CallBase>(U.getUser());
    return Call && Call->isCallee(&U);
  });
}

// Inlining them is no matter of speed: they may have no symbol anywhere, as
// such members of a C++ template that is instantiated elsewhere.
Error Extractor::importAlwaysInlined() {
  for (size_t I = 0; I != AlwaysInlined.size(); ++I) {
    auto [New, Old] = AlwaysInlined[I];
    if (!isCalled(*New))
      continue;
    if (Error E = load(*Old))
      return E;
    if (!isAlwaysInlined(*Old))
      continue;
    copyBody(*Old, *New);
    New->setLinkage(GlobalValue::AvailableExternallyLinkage);
    Mapper.remapFunction(*New);
  }
  return Error::success();
}

void Extractor::define(GlobalValue &Old) {
  Value *New = Values.lookup(&Old);
  if (auto *OldF = dyn_cast<Function>(&Old)) {
    auto *F = cast<Function>(New);
    if ((Options.ImportAlwaysInlined && isAlwaysInlined(*OldF)) ||
        (Options.Inliner && Options.Inliner->isInlined(*OldF)))
      copyBody(*OldF, *F);
    else
      moveBody(*OldF, *F);
    Mapper.remapFunction(*F);
  } else if (auto *OldVariable = dyn_cast<GlobalVariable>(&Old)) {
    Initializers.emplace_back(cast<GlobalVariable>(New), OldVariable);
    copyGlobalMetadata(*cast<GlobalVariable>(New), *OldVariable);
  } else if (auto *OldAlias = dyn_cast<GlobalAlias>(&Old)) {
    cast<GlobalAlias>(New)->setAliasee(
        Mapper.mapConstant(*OldAlias->getAliasee()));
  } else {
    cast<GlobalIFunc>(New)->setResolver(
        Mapper.mapConstant(*cast<GlobalIFunc>(Old).getResolver()));
  }
}

// ---- what forbids splitting

void Extractor::checkNames(StringRef Text, const Twine &Where) {
  StringRef Internal = internalNameIn(Text, M);
  if (!Internal.empty())
    WholeReason =
        (Where + " names the internal symbol '" + Internal + "'").str();
}

void Extractor::checkAttributes(const AttributeList &Attributes) {
  for (StringRef Kind : SymbolAttributes) {
    Attribute A = Attributes.getFnAttr(Kind);
    if (A.isStringAttribute())
      checkNames(A.getValueAsString(), "the attribute " + Kind);
  }
}

// ---- the module around them

// What is known of a function matters to those who call it. To those who only
// take its address it would be a needless reason to be compiled again.
void Extractor::dropUnusedAttributes() {
  for (Function &F : *Unit)
    if (F.isDeclaration() && !F.isIntrinsic() && !isCalled(F))
      F.setAttributes(AttributeList());
}

// Each unit says of its own definitions that they must stay.
void Extractor::keepUsedLists() {
  auto InUnit = [this](ArrayRef<GlobalValue *> Members) {
    return map_to_vector(Members, [this](GlobalValue *Old) {
      return cast<GlobalValue>(Values.lookup(Old));
    });
  };
  appendToUsed(*Unit, InUnit(G.Used));
  appendToCompilerUsed(*Unit, InUnit(G.CompilerUsed));
}

void Extractor::copyNamedMetadata(StringRef Name) {
  if (NamedMDNode *Nodes = M.getNamedMetadata(Name))
    for (MDNode *Node : Nodes->operands())
      Unit->getOrInsertNamedMetadata(Name)->addOperand(Node);
}

void Extractor::copyModuleProperties() {
  Unit->setDataLayout(M.getDataLayout());
  Unit->setTargetTriple(M.getTargetTriple());
  Unit->setSourceFileName(M.getSourceFileName());
  if (G.HasModuleAsm)
    Unit->setModuleInlineAsm(M.getModuleInlineAsm());
  SmallVector<Module::ModuleFlagEntry, 8> Flags;
  M.getModuleFlagsMetadata(Flags);
  for (const Module::ModuleFlagEntry &Flag : Flags)
    if (Flag.Key->getString() != "CG Profile") // refers to functions
      Unit->addModuleFlag(Flag.Behavior, Flag.Key->getString(), Flag.Val);
  if (Options.KeepTypeAliasing)
    copyNamedMetadata("llvm.errno.tbaa");
  if (G.HasLinkerOptions)
    for (StringRef Name : LinkerOptionNames)
      copyNamedMetadata(Name);
}

Error Extractor::load(GlobalValue &Old) {
  auto *F = dyn_cast<Function>(&Old);
  if (F && Options.Inliner) {
    Expected<SmallVector<const Function *, 8>> Read = Options.Inliner->load(*F);
    if (!Read)
      return Read.takeError();
    append_range(Loaded, *Read);
    return Options.Inliner->run(*F);
  }
  if (F)
    Loaded.push_back(F);
  if (Error E = Old.materialize())
    return stepError("INVALID_INPUT", std::move(E));
  return Error::success();
}

// All members first: their bodies may refer to each other.
Error Extractor::declareMembers() {
  for (GlobalValue *Old : G.Members) {
    if (Error E = load(*Old))
      return E;
    if (isa<Function, GlobalVariable>(Old)) {
      Values[Old] = createObject(*Old, /*IsDefinition=*/true);
      continue;
    }
    Type *ValueType = Old->getValueType();
    unsigned Space = Old->getAddressSpace();
    GlobalValue *New;
    if (isa<GlobalAlias>(Old))
      New = GlobalAlias::create(ValueType, Space, GlobalValue::ExternalLinkage,
                                nameOf(*Old), Unit.get());
    else
      New = GlobalIFunc::create(ValueType, Space, GlobalValue::ExternalLinkage,
                                nameOf(*Old), nullptr, Unit.get());
    New->setThreadLocalMode(Old->getThreadLocalMode());
    New->setUnnamedAddr(Old->getUnnamedAddr());
    setLinkage(*New, *Old, /*IsDefinition=*/true);
    Values[Old] = New;
  }
  return Error::success();
}

SymbolFacts Extractor::definitionFacts() {
  SymbolFacts Facts;
  // Nothing else brings the assembly, whoever else defines the functions.
  uint32_t Dropped = G.HasModuleAsm ? SF_Discardable | SF_OneOfMany : 0;
  for (GlobalValue *Old : G.Members)
    Facts[cast<GlobalValue>(Values.lookup(Old))] =
        definitionFlags(*Old) & ~Dropped;
  for (ArrayRef<GlobalValue *> Kept :
       {ArrayRef(G.Used), ArrayRef(G.CompilerUsed)})
    for (GlobalValue *Old : Kept)
      Facts[cast<GlobalValue>(Values.lookup(Old))] &= ~SF_Discardable;
  return Facts;
}

Expected<Extraction> Extractor::run() {
  copyModuleProperties();
  if (Error E = declareMembers())
    return E;
  for (GlobalValue *Old : G.Members)
    define(*Old);
  if (Options.ImportAlwaysInlined)
    if (Error E = importAlwaysInlined())
      return E;
  // Mapping an initializer may add more constants to copy.
  for (size_t I = 0; I != Initializers.size(); ++I) {
    auto [New, Old] = Initializers[I];
    if (Old->hasInitializer())
      New->setInitializer(Mapper.mapConstant(*Old->getInitializer()));
  }
  dropUnusedAttributes();
  keepUsedLists();
  return Extraction{std::move(Unit), definitionFacts(), std::move(Loaded),
                    std::move(Referenced), std::move(WholeReason)};
}

Expected<Extraction> extract(Module &M, const Group &G,
                             const ExtractOptions &Options) {
  return Extractor(M, G, Options).run();
}

} // namespace finegrain
